"""WebSockets over HTTP/1.1, which Hypercorn serves on connections that it is handed."""

import asyncio
import gc
from typing import Any

import pytest
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.protocol.ws_stream import WebsocketBuffer
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage

from services.gateway.http2.engine import Engine
from services.gateway.http2.limits import KIBIBYTE, Limits
from services.gateway.http2.serving import StockServers
from tests.integration.http1.cases import GET
from tests.integration.http1.test_http1 import PATIENCE, ask, statuses
from tests.integration.http2.app import FAST, MEBIBYTE, QUEUE, App, Deaf, wait_until
from tests.unit.gateway_http2.wire import serving

pytestmark = pytest.mark.integration

LONG = 20.0  # seconds
UPGRADE = GET + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
HANDSHAKE = UPGRADE + b"sec-websocket-version: 13\r\n\r\n"
FRAME = b"\x81\x80mask"
TOO_BIG = b"\x88\x02" + (1009).to_bytes(2, "big")


class Sockets:
    """An application that accepts when it is told to, then listens; it keeps the codes with which its sockets end."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.codes: list[int] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await self.go_on.wait()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            pass
        self.codes.append(message["code"])


class Talker:
    """An application that sends without end, and remembers that its client has gone."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        leaving = asyncio.ensure_future(receive())
        while not leaving.done():
            await send({"type": "websocket.send", "bytes": bytes(100_000)})
            await asyncio.sleep(0)
        self.left.set()


async def talk(scope: Any, receive: Any, send: Any) -> None:
    """Sends without end."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "bytes": bytes(MEBIBYTE)})


@pytest.fixture
def sockets() -> Sockets:
    return Sockets()


async def test_hypercorn_serves_nothing_but_websockets() -> None:
    app, config = App(), Config()
    stock = StockServers(ASGIWrapper(app), config, Engine(app, config, Limits(), {}), {})
    async with await asyncio.start_server(stock.serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        assert statuses(await ask(port, (GET + b"\r\n") * 2)) == [400]
    assert app.begun == 0


@pytest.mark.parametrize("sent", [UPGRADE + b"sec-websocket-version: 7\r\n\r\n", HANDSHAKE + FRAME])
async def test_a_handshake_that_is_refused_ends_the_connection(sockets: Sockets, sent: bytes) -> None:
    async with serving(sockets) as server:
        assert statuses(await ask(server.port, sent)) == [400]


@pytest.mark.parametrize("field", [b"sec-websocket-protocol", b"sec-websocket-extensions"])
async def test_a_malformed_handshake_is_a_400_that_names_the_field(field: bytes) -> None:
    async with serving(App()) as server:
        answered = await ask(server.port, UPGRADE + b"sec-websocket-version: 13\r\n" + field + b": \xff\r\n\r\n")
    assert statuses(answered) == [400]
    assert field + b" is malformed" in answered


@pytest.mark.parametrize("offer", [b"permessage-deflate", b"permessage-deflate; server_max_window_bits=many"])
async def test_compression_is_never_agreed_upon(sockets: Sockets, offer: bytes) -> None:
    sockets.go_on.set()
    async with serving(sockets) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE + b"sec-websocket-version: 13\r\nsec-websocket-extensions: " + offer + b"\r\n\r\n")
        accepted = await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert statuses(accepted) == [101]
    assert b"sec-websocket-extensions" not in accepted


@pytest.mark.parametrize("target", [b"/chat?room=%20", b"http://a/chat?room=%20"])
async def test_an_application_sees_the_path_however_the_target_is_written(target: bytes) -> None:
    seen: list[tuple[str, bytes, bytes]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            seen.append((scope["path"], scope["raw_path"], scope["query_string"]))

    async with serving(app) as server:
        await ask(server.port, HANDSHAKE.replace(b"/ping", target))
    assert seen == [("/chat", b"/chat", b"room=%20")]


async def test_an_application_hears_of_frames_that_came_too_early(sockets: Sockets) -> None:
    async with serving(sockets) as server:
        await ask(server.port, HANDSHAKE + FRAME)
        sockets.go_on.set()
        await wait_until(lambda: sockets.codes)
    assert sockets.codes == [1006]


async def test_frames_that_come_while_a_handshake_is_refused_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    refusing, go_on = asyncio.Event(), asyncio.Event()

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
            await send({"type": "websocket.http.response.body", "body": b"n", "more_body": True})
            refusing.set()
            await go_on.wait()
            await send({"type": "websocket.http.response.body", "body": b"o"})

    async with serving(refuse) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE)
        await asyncio.wait_for(refusing.wait(), PATIENCE)
        writer.write(FRAME)
        asyncio.get_running_loop().call_later(0.2, go_on.set)
        async with asyncio.timeout(PATIENCE):
            answered = await reader.read()
        writer.close()
    assert statuses(answered) == [401]
    assert answered.endswith(b"\r\n\r\nno")
    assert caplog.records == []


async def test_a_socket_that_has_ended_holds_up_no_drain(sockets: Sockets) -> None:
    sockets.go_on.set()
    async with serving(sockets, websocket_ping_interval=60.0, graceful_timeout=60.0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE)
        async with asyncio.timeout(PATIENCE):
            assert statuses(await reader.readuntil(b"\r\n\r\n")) == [101]
            writer.close()
            await wait_until(lambda: sockets.codes == [1006])
            server.stop.set()
            await server.task


async def test_who_reads_nothing_of_a_websocket_loses_the_connection() -> None:
    talker = Talker()
    async with serving(talker, FAST) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(HANDSHAKE)
        try:
            assert await asyncio.wait_for(talker.left.wait(), LONG)
        finally:
            writer.transport.abort()


async def test_an_application_that_ends_with_messages_before_it_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    deaf = Deaf()
    async with serving(deaf) as server:
        served = asyncio.all_tasks()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(FRAME * (2 * QUEUE))
        await asyncio.sleep(0.1)
        deaf.go_on.set()
        await wait_until(lambda: asyncio.all_tasks() <= served, PATIENCE)
    assert asyncio.all_tasks() <= before


async def test_a_message_that_is_too_big_is_not_kept_and_ends_the_socket(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.http2.bounded_socket.LINGER_SECONDS", 0.3)
    sockets.go_on.set()
    client = Connection(ConnectionType.CLIENT)
    async with serving(sockets, websocket_max_message_size=4 * KIBIBYTE) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(16):
            writer.write(client.send(BytesMessage(bytes(KIBIBYTE), message_finished=False)))
            await asyncio.sleep(0.01)
        kept = [
            one.length
            for one in gc.get_objects()
            if isinstance(one, WebsocketBuffer) and one.max_length == 4 * KIBIBYTE
        ]
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == TOO_BIG
        await wait_until(lambda: sockets.codes == [1006])
        writer.close()
    assert set(kept) == {0}


async def test_who_reads_nothing_keeps_nothing_up_when_the_server_ends(caplog: pytest.LogCaptureFixture) -> None:
    before = asyncio.all_tasks()
    async with serving(talk) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
    await wait_until(lambda: asyncio.all_tasks() <= before, PATIENCE)
    writer.close()
    assert server.task.done()
    assert caplog.records == []
