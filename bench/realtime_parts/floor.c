/* What the kernel alone costs: floor PORT HZ SYMBOLS.
 *
 * Answers clients no more than they need to get through the handshakes, then writes the frame that the servers under
 * measurement write, one send() for each client, and does nothing else. No server on this kernel can be cheaper with
 * one write for each frame.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 1 << 16, FRAME = 1 << 16 };

static const char *UPGRADE =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    "\x81\x0b" "0{\"sid\":\"\"}";
static const char *WELCOME = "\x81\x0d" "40{\"sid\":\"a\"}";

static int joined[CLIENTS], count;
static char stage[CLIENTS]; /* by descriptor: 0 new, 1 upgraded, 2 joined */

static int build(char *frame, int symbols, int seq) {
    static char body[FRAME];
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    double now = at.tv_sec * 1e3 + at.tv_nsec / 1e6;
    int length = sprintf(body, "42[\"price_update\",{\"prices\":{");
    for (int number = 0; number < symbols; number++)
        length += sprintf(body + length,
                          "%s\"S%03d-USD\":{\"price\":\"61234.50\",\"bid\":\"61234.00\",\"ask\":\"61235.00\","
                          "\"change_24h\":\"1.52\",\"quality\":\"GOOD\",\"seq\":%d,\"ts\":%.3f}",
                          number ? "," : "", number, seq, now);
    length += sprintf(body + length, "},\"published_at\":%.3f,\"sent_at\":%.3f}]", now, now);
    int header = length < 126 ? 2 : 4;
    frame[0] = (char)0x81;
    frame[1] = (char)(length < 126 ? length : 126);
    if (header == 4) frame[2] = (char)(length >> 8), frame[3] = (char)length;
    memcpy(frame + header, body, length);
    return header + length;
}

static void broadcast(int symbols) {
    static char frame[FRAME];
    static int seq;
    int length = build(frame, symbols, ++seq);
    for (int index = 0; index < count; index++) send(joined[index], frame, length, MSG_NOSIGNAL);
}

static void receive(int fd) {
    char chunk[4096];
    ssize_t got = recv(fd, chunk, sizeof chunk, 0);
    if (got <= 0) {
        for (int index = 0; index < count; index++)
            if (joined[index] == fd) joined[index--] = joined[--count];
        close(fd);
    } else if (stage[fd] == 0) {
        send(fd, UPGRADE, strlen(UPGRADE), MSG_NOSIGNAL);
        stage[fd] = 1;
    } else if (stage[fd] == 1) {
        send(fd, WELCOME, strlen(WELCOME), MSG_NOSIGNAL);
        stage[fd] = 2;
        joined[count++] = fd;
    }
}

static void take_in(int epoll, int listener) {
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    stage[fd] = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    int epoll = epoll_create1(0), symbols = atoi(argv[3]);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0) return 1;
    if (atof(argv[2]) > 0) {
        long pause = (long)(1e9 / atof(argv[2]));
        struct timespec turn = {pause / 1000000000, pause % 1000000000};
        timerfd_settime(timer, 0, &(struct itimerspec){turn, turn}, NULL);
    }
    for (int watched[2] = {listener, timer}, index = 0; index < 2; index++)
        epoll_ctl(epoll, EPOLL_CTL_ADD, watched[index], &(struct epoll_event){EPOLLIN, {.fd = watched[index]}});
    for (struct epoll_event events[512];;) {
        int ready = epoll_wait(epoll, events, 512, -1);
        for (int index = 0; index < ready; index++) {
            long turns;
            int fd = events[index].data.fd;
            if (fd == listener) take_in(epoll, fd);
            else if (fd != timer) receive(fd);
            else if (read(timer, &turns, sizeof turns) == sizeof turns) broadcast(symbols);
        }
    }
}
