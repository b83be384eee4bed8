/* Many Socket.IO clients in one process: epoll, WebSocket only, no library.
 *
 *   load PORTS SOCKETS WARMUP SECONDS SLOW SUBSCRIBE FIELD STORM
 *
 * Connects SOCKETS clients (at most IN_FLIGHT at a time, from several loopback addresses, to each of PORTS, a list with
 * commas, in turn), lets them send SUBSCRIBE (a Socket.IO packet, or "" for none), answers pings, and after WARMUP
 * seconds counts events for SECONDS. The delay of an event is now minus each FIELD in it (epoch milliseconds). The first
 * SLOW clients read only SLOW_READ bytes every 100 ms, and their events are not counted. With STORM 1 all connections
 * are cut after WARMUP, and each client comes back as socket.io-client does: after a second, twice as long after each
 * failure up to five seconds, all that plus or minus half at random. Prints one line of JSON to standard output when all
 * are connected, and one at the end.
 *
 * It looks at its sockets every half millisecond rather than being woken by each: waking another process costs the
 * server on the same machine more than the write, and with clients elsewhere there would be nobody to wake.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_FLIGHT = 200, SLOW_READ = 512, CHUNK = 1 << 16, BUCKETS = 600000, BUCKET_US = 100, SOURCES = 8, PORTS = 8 };
enum state { CONNECTING, HANDSHAKE, OPEN, JOINED, GONE, AWAY };

struct client {
    int fd, slow, failures;
    double due; /* when it comes back, if it is AWAY */
    enum state state;
    uint32_t used, size;
    char *buffer;
};

static struct client *clients;
static int epoll, total, begun, joined, gone, counting, slow_clients, unexpected;
static int storm, port_count, ports[PORTS];
static long frames, values, bytes, pings, retries;
static uint32_t histogram[BUCKETS];
static const char *subscribe_packet, *field;
static char field_name[64];

static double now_ms(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

/* A masked text frame; the mask is zero, which is allowed and costs nothing. */
static void send_text(struct client *client, const char *text) {
    char frame[1024];
    size_t length = strlen(text), header = length < 126 ? 6 : 8;
    if (length > sizeof frame - 8) return;
    frame[0] = (char)0x81;
    if (length < 126) {
        frame[1] = (char)(0x80 | length);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(length >> 8);
        frame[3] = (char)length;
    }
    memset(frame + header - 4, 0, 4);
    memcpy(frame + header, text, length);
    if (send(client->fd, frame, header + length, MSG_NOSIGNAL) < 0) unexpected++;
}

static void begin(struct client *client) {
    int one = 1, number = (int)(client - clients);
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001 + number % SOURCES)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    address.sin_port = htons(ports[number % port_count]);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0) {
        perror("socket");
        exit(1);
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(client->fd, (struct sockaddr *)&source, sizeof source) < 0) {
        perror("bind");
        exit(1);
    }
    if (client->slow) {
        int window = 4096;
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    }
    client->state = CONNECTING;
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        perror("connect");
        exit(1);
    }
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};
    epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event);
}

static void begin_some(void) {
    while (begun < total && begun - joined - gone < IN_FLIGHT) begin(&clients[begun++]);
}

static void come_back_later(struct client *client) {
    double pause = client->failures < 3 ? 1000 << client->failures : 5000;
    client->due = now_ms(CLOCK_MONOTONIC) + (pause < 5000 ? pause : 5000) * (0.5 + rand() / (double)RAND_MAX);
    client->failures++;
    client->state = AWAY;
    retries++;
}

static void end(struct client *client) {
    if (client->state == GONE || client->state == AWAY) return;
    close(client->fd);
    free(client->buffer);
    client->buffer = NULL;
    client->used = client->size = 0;
    if (client->state == JOINED) joined--;
    if (storm == 2) {
        come_back_later(client);
        return;
    }
    client->state = GONE;
    gone++;
}

static void cut_all(void) {
    storm = 2;
    for (int index = 0; index < total; index++) end(&clients[index]);
    retries = 0;
}

static void let_come_back(void) {
    double now = now_ms(CLOCK_MONOTONIC);
    for (int index = 0; index < total; index++)
        if (clients[index].state == AWAY && clients[index].due <= now) begin(&clients[index]);
}

static void request_upgrade(struct client *client) {
    char request[512];
    int length = snprintf(request, sizeof request,
                          "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                          "Sec-WebSocket-Version: 13\r\n\r\n");
    if (send(client->fd, request, length, MSG_NOSIGNAL) < 0) unexpected++;
    client->state = HANDSHAKE;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event);
}

static void count_event(char *text, uint32_t length, double now) {
    frames++;
    bytes += length;
    char *end = text + length, *found = text;
    size_t name = strlen(field_name);
    while ((found = memmem(found, end - found, field_name, name))) {
        found += name;
        values++;
        double delay = now - strtod(found, NULL);
        long bucket = delay < 0 ? 0 : (long)(delay * 1000 / BUCKET_US);
        histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    }
}

/* In a storm the delays are those of the clients, from the cut until they are back. */
static double cut_at;
static void count_back(void) {
    long bucket = (long)((now_ms(CLOCK_MONOTONIC) - cut_at) * 1000 / BUCKET_US);
    histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
}

static void take_packet(struct client *client, char *text, uint32_t length, double now) {
    if (length >= 1 && text[0] == '2') {
        pings++;
        send_text(client, "3");
    } else if (length >= 2 && text[0] == '0') {
        send_text(client, "40");
    } else if (length >= 2 && text[0] == '4' && text[1] == '0') {
        client->state = JOINED;
        joined++;
        client->failures = 0;
        if (storm == 2) count_back();
        if (*subscribe_packet) send_text(client, subscribe_packet);
        begin_some();
    } else if (length >= 2 && text[0] == '4' && text[1] == '2' && counting && !client->slow) {
        count_event(text, length, now);
    }
}

/* Takes all whole frames from the buffer. Returns 0 when the server has ended the connection. */
static int take_frames(struct client *client, double now) {
    uint32_t at = 0;
    while (client->used - at >= 2) {
        unsigned char *frame = (unsigned char *)client->buffer + at;
        uint64_t length = frame[1] & 0x7f;
        uint32_t header = length == 126 ? 4 : length == 127 ? 10 : 2;
        if (client->used - at < header) break;
        if (length == 126) length = (uint64_t)frame[2] << 8 | frame[3];
        if (length == 127) length = (uint64_t)frame[6] << 24 | frame[7] << 16 | frame[8] << 8 | frame[9];
        if (client->used - at - header < length) break;
        if ((frame[0] & 0x0f) == 8) return 0;
        take_packet(client, (char *)frame + header, (uint32_t)length, now);
        at += header + (uint32_t)length;
    }
    memmove(client->buffer, client->buffer + at, client->used - at);
    client->used -= at;
    return 1;
}

static void keep(struct client *client, const char *data, uint32_t length) {
    if (client->used + length > client->size) {
        client->size = client->used + length + 512;
        client->buffer = realloc(client->buffer, client->size);
    }
    memcpy(client->buffer + client->used, data, length);
    client->used += length;
}

static void receive(struct client *client, uint32_t most) {
    static char chunk[CHUNK];
    ssize_t got = recv(client->fd, chunk, most, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) end(client);
        return;
    }
    keep(client, chunk, (uint32_t)got);
    if (client->state == HANDSHAKE) {
        char *body = memmem(client->buffer, client->used, "\r\n\r\n", 4);
        if (!body) return;
        if (strncmp(client->buffer, "HTTP/1.1 101", 12) != 0) {
            end(client);
            return;
        }
        uint32_t length = (uint32_t)(body + 4 - client->buffer);
        memmove(client->buffer, client->buffer + length, client->used - length);
        client->used -= length;
        client->state = OPEN;
    }
    if (!take_frames(client, now_ms(CLOCK_REALTIME))) end(client);
    if (client->state == JOINED && client->slow) epoll_ctl(epoll, EPOLL_CTL_DEL, client->fd, NULL);
}

static void turn(void) {
    static double slow_turn;
    struct epoll_event events[512];
    int count = epoll_wait(epoll, events, 512, 0);
    if (!count) nanosleep(&(struct timespec){0, 500000}, NULL);
    for (int index = 0; index < count; index++) {
        struct client *client = events[index].data.ptr;
        if (client->state == CONNECTING) request_upgrade(client);
        else if (client->state != GONE) receive(client, CHUNK);
    }
    double now = now_ms(CLOCK_MONOTONIC);
    if (now < slow_turn + 100) return;
    slow_turn = now;
    for (int index = 0; index < slow_clients; index++)
        if (clients[index].state == JOINED) receive(&clients[index], SLOW_READ);
}

static double quantile(double wanted) {
    uint64_t all = 0, seen = 0;
    for (int index = 0; index < BUCKETS; index++) all += histogram[index];
    for (int index = 0; index < BUCKETS; index++) {
        seen += histogram[index];
        if (all && seen >= wanted * all) return index * BUCKET_US / 1000.0;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 9) {
        fprintf(stderr, "usage: load PORTS SOCKETS WARMUP SECONDS SLOW SUBSCRIBE FIELD STORM\n");
        return 2;
    }
    for (char *port = strtok(argv[1], ","); port && port_count < PORTS; port = strtok(NULL, ","))
        ports[port_count++] = atoi(port);
    total = atoi(argv[2]);
    slow_clients = atoi(argv[5]);
    subscribe_packet = argv[6];
    field = argv[7];
    snprintf(field_name, sizeof field_name, "\"%s\":", field);
    storm = atoi(argv[8]);
    struct rlimit limit = {1 << 20, 1 << 20};
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    clients = calloc(total, sizeof *clients);
    for (int index = 0; index < slow_clients; index++) clients[index].slow = 1;
    epoll = epoll_create1(0);

    double start = now_ms(CLOCK_MONOTONIC);
    begin_some();
    while (joined + gone < total && now_ms(CLOCK_MONOTONIC) < start + 60000) turn();
    printf("{\"connected\": %d, \"seconds\": %.3f}\n", joined, (now_ms(CLOCK_MONOTONIC) - start) / 1000);
    fflush(stdout);

    double from = now_ms(CLOCK_MONOTONIC) + atof(argv[3]) * 1000, until = from + atof(argv[4]) * 1000;
    while (now_ms(CLOCK_MONOTONIC) < from) turn();
    counting = !storm;
    cut_at = now_ms(CLOCK_MONOTONIC);
    if (storm) cut_all();
    while (now_ms(CLOCK_MONOTONIC) < until && !(storm && joined == total)) {
        turn();
        if (storm) let_come_back();
    }

    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"frames\": %ld, \"values\": %ld, \"bytes\": %ld, \"pings\": %ld, \"gone\": %d, \"faults\": %d, \"p50_ms\": %.1f, "
           "\"p99_ms\": %.1f, \"max_ms\": %.1f, \"joined\": %d, \"retries\": %ld, \"cpu_seconds\": %.3f}\n",
           frames, values, bytes, pings, gone, unexpected, quantile(0.5), quantile(0.99), quantile(1), joined, retries,
           usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    return 0;
}
