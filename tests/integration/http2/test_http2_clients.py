"""How many connections a client may have, and streams on each, over the gateway's server with both of its ports."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from services.gateway.certificate import development_certificate
from services.gateway.server import HttpServer, hypercorn_config
from services.kit.testing import free_port
from tests.integration.http2.app import App
from tests.unit.gateway_http2.wire import GET, REFUSED_STREAM, RST_STREAM, Wire, headers, path

pytestmark = pytest.mark.integration

PATIENCE = 10.0  # seconds


class Served(NamedTuple):
    """A server of two ports, and how to trust it."""

    port: int
    tls_port: int
    trust: ssl.SSLContext


class SocketApp(App):
    """The application of these tests, with a WebSocket that stays open until its client leaves."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return await super().__call__(scope, receive, send)
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return None


@asynccontextmanager
async def served(folder: Path, most: int, streams: int = 250) -> AsyncIterator[Served]:
    certificate, port, tls_port = development_certificate(folder), free_port(), free_port()
    config = hypercorn_config("127.0.0.1", port, tls_port, certificate)
    config.h2_max_concurrent_streams = streams
    server = HttpServer(SocketApp(), config, connections_per_client=most)
    await server.start()
    trust = ssl.create_default_context(cafile=str(certificate.chain))
    trust.set_alpn_protocols(["h2"])
    try:
        yield Served(port, tls_port, trust)
    finally:
        await server.drain(1.0)


async def http1(server: Served, address: str = "127.0.0.1") -> asyncio.StreamWriter:
    """A connection whose first request is answered. Raises ConnectionError when it is refused."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))
    writer.write(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        if not (await reader.read(4096)).startswith(b"HTTP/1.1 200"):
            raise ConnectionError
    return writer


async def h2c(server: Served) -> asyncio.StreamWriter:
    return (await Wire.connect(server.port)).writer


async def h2(server: Served) -> asyncio.StreamWriter:
    return (await Wire.connect(server.tls_port, tls=server.trust)).writer


Way = Callable[[Served], Awaitable[asyncio.StreamWriter]]
WAYS: tuple[Way, ...] = (http1, h2c, h2)


async def may_come(server: Served, way: Way) -> bool:
    try:
        (await way(server)).close()
    except (ConnectionError, ssl.SSLError):
        return False
    return True


async def until_may_come(server: Served, way: Way) -> None:
    """Somebody is let in before long: the end of a connection takes a moment to be seen."""
    async with asyncio.timeout(PATIENCE):
        while not await may_come(server, way):
            await asyncio.sleep(0.02)


async def test_connections_of_both_protocols_and_both_ports_count_together(tmp_path: Path) -> None:
    async with served(tmp_path, most=3) as server:
        writers = [await way(server) for way in WAYS]
        assert [await may_come(server, way) for way in WAYS] == [False, False, False]
        assert [writer.is_closing() for writer in writers] == [False, False, False]


@pytest.mark.parametrize("way", WAYS)
async def test_who_leaves_makes_room(tmp_path: Path, way: Way) -> None:
    async with served(tmp_path, most=1) as server:
        first = await way(server)
        assert not await may_come(server, http1)
        first.close()
        await until_may_come(server, http1)
        await until_may_come(server, way)


@pytest.mark.parametrize("politely", [True, False], ids=["closed", "gone"])
async def test_a_websocket_counts_until_it_ends(tmp_path: Path, politely: bool) -> None:
    async with served(tmp_path, most=1) as server, aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"http://127.0.0.1:{server.port}/socket")
        assert not await may_come(server, h2c)
        await (socket.close() if politely else session.close())
        await until_may_come(server, h2c)


async def test_a_full_client_is_in_nobody_elses_way(tmp_path: Path) -> None:
    async with served(tmp_path, most=1) as server:
        await http1(server)
        assert not await may_come(server, http1)
        (await http1(server, "127.0.0.2")).close()


async def test_one_stream_beyond_the_setting_is_refused_and_the_others_are_answered(tmp_path: Path) -> None:
    async with served(tmp_path, most=0, streams=2) as server:
        wire = await Wire.connect(server.port)
        wire.send(*(headers(stream, path("/wait")) for stream in (1, 3)), headers(5, GET))
        refused = await wire.until(lambda frame: frame.kind == RST_STREAM)
        assert (refused.stream, refused.code) == (5, REFUSED_STREAM)
