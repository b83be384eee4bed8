"""Writing past the transport: the same bytes, in the same order."""

import asyncio
import socket

import pytest

from services.realtime.engine.packets import Text
from services.realtime.engine.websocket import WebSocket, WebSockets
from services.realtime.engine.wire import Wire
from tests.unit.realtime.helpers import eventually


class Silent:
    """A receiver that does not care."""

    def received(self, packet):
        pass

    def lost(self):
        pass

    def hold(self):
        pass

    def resume(self):
        pass


@pytest.fixture
async def pair():
    """A WebSocket with its wire, and the other end of the connection."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    theirs.setblocking(False)
    transport, _ = await loop.create_unix_connection(asyncio.Protocol, sock=ours)
    websocket, wire = WebSocket(transport, 1000, WebSockets()), Wire()
    websocket.receiver = Silent()
    transport.set_protocol(websocket)
    websocket._wire = wire
    yield websocket, wire, theirs
    transport.abort()
    theirs.close()
    await asyncio.sleep(0)


async def read_all(theirs, size):
    data = b""
    while len(data) < size:
        data += await asyncio.get_running_loop().sock_recv(theirs, 1 << 20)
    return data


def test_a_shut_wire_refuses():
    wire = Wire()
    assert wire.take(b"x") == 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        wire.send(b"x")


async def test_what_the_kernel_does_not_take_leaves_later_and_in_order(pair):
    websocket, wire, theirs = pair
    packets = [Text("4", f"{number:06d}" * 2000) for number in range(100)]
    for packet in packets:
        websocket.send(packet)
    assert websocket.unsent > 0
    assert wire.fileno() == -1
    expected = b"".join(packet.frame for packet in packets)
    assert await read_all(theirs, len(expected)) == expected


async def test_the_wire_is_open_again_once_nothing_waits(pair):
    websocket, wire, theirs = pair
    big = Text("4", "x" * 2_000_000)
    websocket.send(big)
    await read_all(theirs, len(big.frame))
    await eventually(lambda: websocket.unsent == 0)
    websocket.send(Text("4", "small"))
    assert wire.fileno() != -1
    assert await read_all(theirs, 1) == Text("4", "small").frame


async def test_the_wire_is_shut_before_the_transport_closes_its_descriptor(pair):
    websocket, wire, _ = pair
    websocket.send(Text("4", "hello"))
    websocket.abort()
    assert wire.fileno() == -1
