"""WebSockets over HTTP/2 (RFC 8441)."""

import asyncio
import gc
from typing import Any

import pytest
from hypercorn.protocol.ws_stream import WebsocketBuffer
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from services.gateway.http2.limits import KIBIBYTE
from tests.integration.http2.app import QUEUE, Deaf, asked, wait_until
from tests.unit.gateway_http2.wire import (
    DATA,
    GET,
    POST,
    Wire,
    data,
    headers,
    path,
    reset,
    serving,
)  # fmt: skip

pytestmark = pytest.mark.integration

# WebSockets


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Says back what it hears, until it hears `close`."""
    if scope["type"] != "websocket":
        return
    assert scope["http_version"] == "2"
    await receive()
    if scope["path"] == "/refused":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "close":
            await send({"type": "websocket.close", "code": 4001})
            return
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})


def connect(target: str = "/chat", *more: tuple[str, bytes], stream: int = 1) -> bytes:
    fields = [
        (":method", "CONNECT"), (":protocol", "websocket"), *path(target)[1:], ("sec-websocket-version", "13"),
    ]  # fmt: skip
    return headers(stream, [*fields, *more], end=False)


class Socket:
    """A WebSocket on stream 1."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.protocol, self._seen = wire, Connection(ConnectionType.CLIENT), 0

    def send(self, event: Any) -> None:
        payload = self.protocol.send(event)
        for at in range(0, len(payload), 16_000):
            self.wire.send(data(1, payload[at : at + 16_000]))

    async def receive(self) -> Any:
        while True:
            for event in self.protocol.events():
                return event
            fresh = await self.wire.until(lambda one: one.kind == DATA and self.wire.frames.index(one) >= self._seen)
            self._seen = len(self.wire.frames)
            self.protocol.receive_data(fresh.payload)


async def test_a_websocket_lives_on_a_stream() -> None:
    async with serving(echo) as server:
        wire = await Wire.connect(server.port)
        wire.send(connect())
        assert await wire.begun(1) == 200
        socket = Socket(wire)
        socket.send(TextMessage("grüße"))
        assert (await socket.receive()).data == "grüße"
        socket.send(BytesMessage(b"\x00\x01"))
        assert (await socket.receive()).data == b"\x00\x01"
        socket.send(TextMessage("close"))
        closed = await socket.receive()
        assert (closed.__class__, closed.code) == (CloseConnection, 4001)
        assert await wire.alive()


async def test_a_websocket_that_is_refused_is_a_403() -> None:
    wire = await asked(echo, connect("/refused"))
    assert wire.status(1) == 403


async def test_a_websocket_of_an_unknown_version_is_a_400() -> None:
    fields = [(":method", "CONNECT"), (":protocol", "websocket"), *GET[1:], ("sec-websocket-version", "7")]
    wire = await asked(echo, headers(1, fields, end=False))
    assert wire.status(1) == 400


async def test_a_malformed_handshake_is_a_400_that_names_the_field() -> None:
    wire = await asked(echo, connect("/chat", ("sec-websocket-extensions", b"\xff")))
    assert wire.status(1) == 400
    assert b"sec-websocket-extensions is malformed" in wire.body(1)


@pytest.mark.parametrize("offer", [b"permessage-deflate", b"permessage-deflate; server_max_window_bits=many"])
async def test_compression_is_never_agreed_upon(offer: bytes) -> None:
    async with serving(echo) as server:
        wire = await Wire.connect(server.port)
        wire.send(connect("/chat", ("sec-websocket-extensions", offer)))
        assert await wire.begun(1) == 200
    assert "sec-websocket-extensions" not in wire.head(1)


async def test_a_websocket_that_the_application_accepts_wrongly_is_a_500() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept", "subprotocol": "nobody asked for"})

    wire = await asked(app, connect())
    assert wire.status(1) == 500


async def test_a_websocket_ends_with_its_client() -> None:
    codes: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            codes.append((await receive())["code"])

    async with serving(app) as server:
        wire = await Wire.connect(server.port)
        before = asyncio.all_tasks()
        wire.send(connect())
        await wire.begun(1)
        await wire.close()
        await wait_until(lambda: codes and asyncio.all_tasks() <= before)
    assert codes == [1006]


async def test_an_application_hears_of_the_end_though_frames_came_too_early() -> None:
    codes: list[int] = []
    early = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await early.wait()
            codes.append((await receive())["code"])

    async with serving(app) as server:
        wire = await Wire.connect(server.port)
        wire.send(connect(), data(1, b"too early"))
        assert await wire.alive()
        early.set()
        await wait_until(lambda: codes)
    assert codes == [1006]


async def test_what_a_websocket_has_not_taken_is_not_lost_from_the_connection_s_window() -> None:
    message = Connection(ConnectionType.CLIENT).send(BytesMessage(bytes(16_000)))
    async with serving(Deaf()) as server:
        wire = await Wire.connect(server.port)
        for stream in range(1, 20, 2):
            wire.send(connect(stream=stream))
            assert await wire.begun(stream) == 200
            wire.send(*[data(stream, message)] * 64, reset(stream))
            assert await wire.alive()
        wire.send(headers(21, path("/echo", POST), end=False), *[data(21, bytes(16_000))] * 60, data(21, b"", end=True))
        assert await wire.answer(21) == (200, b"960000")


async def test_an_application_that_ends_with_messages_before_it_leaves_no_task() -> None:
    message = Connection(ConnectionType.CLIENT).send(BytesMessage(b"anybody there?"))
    deaf = Deaf()
    async with serving(deaf) as server:
        wire = await Wire.connect(server.port)
        before = asyncio.all_tasks()
        wire.send(connect())
        assert await wire.begun(1) == 200
        wire.send(*[data(1, message)] * (2 * QUEUE))
        assert await wire.alive()
        deaf.go_on.set()
        await wait_until(lambda: asyncio.all_tasks() <= before)
        assert await wire.alive()


async def test_what_follows_the_close_frame_is_nobody_s_fault(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(echo) as server:
        wire = await Wire.connect(server.port)
        wire.send(connect())
        assert await wire.begun(1) == 200
        wire.send(data(1, Connection(ConnectionType.CLIENT).send(CloseConnection(1000))), data(1, b"and more"))
        await wire.answer(1)
        assert await wire.alive()
    assert caplog.records == []


async def test_a_message_that_is_too_big_is_not_kept_and_ends_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.http2.bounded_socket.LINGER_SECONDS", 0.3)
    async with serving(echo, websocket_max_message_size=4 * KIBIBYTE) as server:
        wire = await Wire.connect(server.port)
        before = asyncio.all_tasks()
        wire.send(connect())
        assert await wire.begun(1) == 200
        socket = Socket(wire)
        for _ in range(16):
            socket.send(BytesMessage(bytes(KIBIBYTE), message_finished=False))
            assert await wire.alive()
        kept = [
            one.length
            for one in gc.get_objects()
            if isinstance(one, WebsocketBuffer) and one.max_length == 4 * KIBIBYTE
        ]
        assert (await socket.receive()).code == 1009
        assert (await wire.answer(1))[0] == 200
        await wait_until(lambda: asyncio.all_tasks() <= before)
    assert set(kept) == {0}
