"""WebSockets over HTTP/1.1: what the door looks at, before and after Hypercorn has them."""

import asyncio

import pytest

from tests.integration.http2.app import App
from tests.unit.gateway_http2.wire import serving

pytestmark = pytest.mark.integration

PATIENCE = 10.0  # seconds
HANDSHAKE = (
    b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize("field", [b"sec-websocket-protocol: \xff", b"sec-websocket-extensions: \xff"])
async def test_a_malformed_handshake_is_a_400_that_names_the_field(field: bytes) -> None:
    async with serving(App()) as server, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE + field + b"\r\n\r\n")
        answered = await reader.read()
        writer.close()
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert field.partition(b":")[0] + b" is malformed" in answered
