"""Clients of WebSockets over HTTP/1.1 that are not as they should be."""

import asyncio
from typing import Any

import pytest

from tests.integration.http1.cases import GET
from tests.integration.http1.test_http1 import ask, statuses
from tests.integration.http2.app import FAST, App
from tests.unit.gateway_http2.wire import serving

pytestmark = pytest.mark.integration

PATIENCE = 20.0  # seconds
HANDSHAKE = (
    GET + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@pytest.mark.parametrize("field", [b"sec-websocket-protocol", b"sec-websocket-extensions"])
async def test_a_malformed_handshake_is_a_400_that_names_the_field(field: bytes) -> None:
    async with serving(App()) as server:
        answered = await ask(server.port, HANDSHAKE + field + b": \xff\r\n\r\n")
    assert statuses(answered) == [400]
    assert field + b" is malformed" in answered


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


async def test_who_reads_nothing_of_a_websocket_loses_the_connection() -> None:
    talker = Talker()
    async with serving(talker, FAST) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(HANDSHAKE + b"\r\n")
        try:
            assert await asyncio.wait_for(talker.left.wait(), PATIENCE)
        finally:
            writer.transport.abort()
