"""Sockets through the gateway, over its real server: frames, polls, and nothing of one client for another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from aiohttp import web

from services.kit.testing import free_port
from tests.integration.gateway_front import running
from tests.unit.gateway.harness import gateway

pytestmark = pytest.mark.integration


@pytest.fixture(scope="session")
def tls_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    """The application's address: a name, since no cookies are kept for an IP address."""
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "localhost", port).start()
    try:
        yield f"http://localhost:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def socketio_server() -> AsyncIterator[str]:
    """A real Socket.IO server that says back what it hears and who it thinks the client is."""
    # The client's disconnect lasts as long as its last poll, so polls are short.
    sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*", ping_interval=1, ping_timeout=1)
    seen: dict[str, str] = {}

    @sio.event
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        seen[sid] = environ["HTTP_X_FORWARDED_FOR"]

    @sio.event
    async def echo(sid: str, data: Any) -> Any:
        return {"data": data, "client": seen[sid]}

    app = web.Application()
    sio.attach(app)
    async with listening(app) as url:
        yield url


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
async def test_a_stock_socketio_client_talks_through_the_gateway(tls_folder: Path, transports: list[str]) -> None:
    async with socketio_server() as realtime, running(tls_folder, realtime) as front:
        client = socketio.AsyncClient(reconnection=False)
        await client.connect(front.plain, transports=transports)
        answer = await client.call("echo", "x" * 50_000, timeout=5)
        await client.disconnect()
    assert (len(answer["data"]), answer["client"]) == (50_000, "127.0.0.1")


@asynccontextmanager
async def plain_websocket_server() -> AsyncIterator[str]:
    """Says back each frame; closes with 4001 when told."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            if message.data == "close":
                await socket.close(code=4001)
            elif message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
        return socket

    app = web.Application()
    app.router.add_get("/socket.io/", handle)
    async with listening(app) as url:
        yield url


@pytest.mark.parametrize("deflate", [0, 15])
async def test_frames_of_every_kind_and_close_codes_pass_whether_or_not_the_client_deflates(
    tls_folder: Path, deflate: int
) -> None:
    async with plain_websocket_server() as realtime, running(tls_folder, realtime) as front:
        session = aiohttp.ClientSession()
        async with session:
            socket = await session.ws_connect(f"{front.plain}/socket.io/?EIO=4", compress=deflate)
            for frame in ("ä" * 20_000, "{}", ""):
                await socket.send_str(frame)
                assert (await socket.receive(timeout=5)).data == frame
            await socket.send_bytes(bytes(range(256)) * 100)
            assert (await socket.receive(timeout=5)).data == bytes(range(256)) * 100
            await socket.send_str("close")
            assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
    assert socket.close_code == 4001


async def test_more_sockets_pass_than_an_http_client_opens_by_default(tls_folder: Path) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        plain_websocket_server() as realtime,
        running(tls_folder, realtime) as front,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        sockets = [await session.ws_connect(f"{front.plain}/socket.io/?EIO=4") for _ in range(110)]
        await sockets[-1].send_str("still heard")
        assert (await sockets[-1].receive(timeout=10)).data == "still heard"
        await asyncio.gather(*(socket.close() for socket in sockets))


@asynccontextmanager
async def telling_server() -> AsyncIterator[str]:
    """Tells a socket what it has been told of the client."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(f"{request.headers['x-forwarded-proto']} {request.headers['x-forwarded-for']}")
        return socket

    app = web.Application()
    app.router.add_get("/socket.io/", handle)
    async with listening(app) as url:
        yield url


@pytest.mark.parametrize(("hops", "told"), [(0, "http 127.0.0.1"), (1, "https 203.0.113.7")])
async def test_what_is_said_of_a_socket_s_client_counts_only_as_far_as_proxies_are_trusted(
    tls_folder: Path, hops: int, told: str
) -> None:
    said = {"x-forwarded-proto": "https", "x-forwarded-for": "6.6.6.6, 203.0.113.7:4711"}
    async with (
        telling_server() as realtime,
        running(tls_folder, realtime, trusted_proxy_hops=hops) as front,
        aiohttp.ClientSession(headers=said) as session,
        session.ws_connect(f"{front.plain}/socket.io/?EIO=4") as socket,
    ):
        assert (await socket.receive(timeout=5)).data == told


@asynccontextmanager
async def cookie_server() -> AsyncIterator[str]:
    """Sets a cookie, and says which headers it was sent."""

    async def handle(request: web.Request) -> web.Response:
        answer = web.Response(text=" ".join(sorted(name.lower() for name in request.headers)))
        answer.set_cookie("io", "first-client")
        return answer

    app = web.Application()
    app.router.add_get("/socket.io/", handle)
    async with listening(app) as url:
        yield url


async def test_realtime_hears_what_this_client_says_and_nothing_of_others() -> None:
    async with cookie_server() as realtime, gateway(realtime=realtime) as harness:
        for _ in range(2):
            harness.client.headers.clear()
            harness.client.cookies.clear()
            answer = await harness.client.get("/socket.io/?EIO=4")
            assert "io=first-client" in answer.headers["set-cookie"]
    assert answer.text == "host x-forwarded-for x-forwarded-proto"


async def test_a_handshake_is_refused_while_realtime_is_away(tls_folder: Path) -> None:
    async with running(tls_folder) as front, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{front.plain}/socket.io/?EIO=4&transport=websocket")
        polling = await session.get(f"{front.plain}/socket.io/?EIO=4&transport=polling")
    assert (refused.value.status, polling.status, polling.headers["retry-after"]) == (503, 503, "1")


ASKING_FOR_A_SOCKET = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "A" * 22 + "==",
}


@pytest.mark.parametrize(
    ("path", "status", "slug", "retry_after"),
    [("/foo", 404, "not-found", None), ("/socket.io/?EIO=4", 503, "unavailable", "1")],
)
async def test_a_refused_handshake_says_why(
    tls_folder: Path, path: str, status: int, slug: str, retry_after: str | None
) -> None:
    async with running(tls_folder) as front, aiohttp.ClientSession(headers=ASKING_FOR_A_SOCKET) as session:
        answer = await session.get(front.plain + path)
        problem = await answer.json(content_type="application/problem+json")
    assert (answer.status, answer.headers.get("retry-after")) == (status, retry_after)
    assert (problem["status"], problem["type"]) == (status, f"urn:cryptovault:problem:{slug}")
