"""Connections are taken off the listening socket in bulk, and again after files have run out."""

import asyncio
import errno
import socket
import ssl

import pytest

from services.kit import acceptor
from services.kit.acceptor import Acceptor
from services.kit.testing import free_port

WAITING = 40


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield listening


class Guest(asyncio.Protocol):
    """Counts those who came in."""

    def __init__(self, guests):
        self.guests = guests

    def connection_made(self, transport):
        self.guests.append(transport)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def connect(listener):
    return socket.create_connection(listener.getsockname())


async def test_all_that_wait_are_taken_in_one_turn(listener):
    waiting = [connect(listener) for _ in range(WAITING)]
    guests = []
    accepting = Acceptor(listener, lambda: Guest(guests))
    accepting._accept()
    await until(lambda: len(guests) == WAITING)
    with pytest.raises(BlockingIOError):
        listener.accept()
    await accepting.close()
    for connection in waiting:
        connection.close()


async def test_who_waits_at_the_end_still_comes_in(listener):
    guests = []
    accepting = Acceptor(listener, lambda: Guest(guests))
    with connect(listener):
        await accepting.close()
        assert len(guests) == 1


async def test_all_who_wait_at_the_end_come_in_however_many(listener, monkeypatch):
    monkeypatch.setattr(acceptor, "AT_ONCE", 3)
    waiting, guests = [connect(listener) for _ in range(10)], []
    await Acceptor(listener, lambda: Guest(guests)).close()
    assert len(guests) == 10
    for connection in waiting:
        connection.close()


async def test_no_more_are_taken_in_a_turn_than_leave_the_others_theirs(listener, monkeypatch):
    monkeypatch.setattr(acceptor, "AT_ONCE", 3)
    waiting = [connect(listener) for _ in range(5)]
    accepting = Acceptor(listener, lambda: Guest([]))
    accepting._accept()
    rest = [listener.accept()[0] for _ in range(2)]
    assert len(rest) == 2
    await accepting.close()
    for connection in waiting + rest:
        connection.close()


class NoFiles:
    """A listening socket at a time when the process has no files left."""

    def __init__(self, listener):
        self.listener = listener
        self.exhausted = True

    def __getattr__(self, name):
        return getattr(self.listener, name)

    def accept(self):
        if self.exhausted:
            raise OSError(errno.EMFILE, "Too many open files")
        return self.listener.accept()


async def test_after_files_have_run_out_it_takes_connections_again(listener, monkeypatch, caplog):
    monkeypatch.setattr(acceptor, "PAUSE_SECONDS", 0.05)
    crowded, guests = NoFiles(listener), []
    accepting = Acceptor(crowded, lambda: Guest(guests))
    with connect(listener):
        await until(lambda: "no connection can be accepted: Too many open files" in caplog.text)
        assert not guests
        crowded.exhausted = False
        await until(lambda: guests)
    await accepting.close()


async def test_who_does_not_speak_tls_is_let_go(listener):
    guests = []
    accepting = Acceptor(listener, lambda: Guest(guests), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), 5.0)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(10):
        await reader.read()
    assert not guests
    writer.close()
    await accepting.close()


async def test_a_name_is_listened_at_with_all_its_addresses():
    port = free_port()
    listeners = await acceptor.listen("localhost", port, backlog=10)
    found = {info[4][0] for info in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    assert {listener.getsockname()[0] for listener in listeners} == found
    for listener in listeners:
        listener.close()


async def test_a_port_that_is_taken_is_an_error(listener):
    with pytest.raises(OSError, match="in use"):
        await acceptor.listen("127.0.0.1", listener.getsockname()[1], backlog=10)
