"""The least that an ASGI application can do: bytes made in advance, in the coding that is asked for."""

from typing import Any

from bench.gateway_parts.apps.answer import GZIPPED, PLAIN

JSON = (b"content-type", b"application/json")
PLAIN_HEADERS = [JSON, (b"content-length", b"%d" % len(PLAIN))]
GZIPPED_HEADERS = [JSON, (b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(GZIPPED))]
WANTS_GZIP = (b"accept-encoding", b"gzip")


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request; there is nothing to start or to stop."""
    if scope["type"] == "lifespan":
        return await _lifespan(receive, send)
    gzipped = WANTS_GZIP in map(tuple, scope["headers"])
    headers, body = (GZIPPED_HEADERS, GZIPPED) if gzipped else (PLAIN_HEADERS, PLAIN)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Any, send: Any) -> None:
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})
