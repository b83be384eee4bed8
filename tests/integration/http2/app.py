"""An application with a route for each way to behave, and what the tests ask of a server that serves it."""

import asyncio
from typing import Any

from services.gateway.http2.limits import Limits
from tests.unit.gateway_http2.wire import GET, RST_STREAM, Wire, ends, headers, serving

FAST = Limits(header_timeout=0.3, idle_timeout=0.5, body_timeout=0.4, stall_timeout=0.4, minimum_rate=1000)
MEBIBYTE = 2**20
QUEUE = 64  # messages that Hypercorn keeps for an application


async def answer(send: Any, status: int, body: bytes = b"", more: Any = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class App:
    """An application with a route for each way to behave."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.disconnected = 0
        self.sent = 0
        self.read = 0
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.begun += 1
        route = getattr(self, scope["path"].strip("/") or "ping")
        try:
            await route(scope, receive, send)
        finally:
            self.ended += 1

    async def ping(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, b"pong")

    async def unauthorized(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a little later and reads nothing."""
        await asyncio.sleep(0.2)
        await answer(send, 401)

    async def wait(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers when it is told to, and says when the client has left."""
        message = await receive()
        gone = asyncio.ensure_future(receive())
        told = asyncio.ensure_future(self.go_on.wait())
        await asyncio.wait({gone, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if gone.done() and gone.result()["type"] == "http.disconnect":
            self.disconnected += 1
            return
        gone.cancel()
        await answer(send, 200, message.get("body", b""))

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected += 1
                return
            body += message["body"]
            self.read = len(body)
            more = message["more_body"]
        await answer(send, 200, str(len(body)).encode())

    async def lazy(self, scope: Any, receive: Any, send: Any) -> None:
        """Reads nothing before it is told to."""
        await self.go_on.wait()
        await self.echo(scope, receive, send)

    async def endless(self, scope: Any, receive: Any, send: Any) -> None:
        """Sends as fast as it may."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while self.sent < 64 * MEBIBYTE:
            await send({"type": "http.response.body", "body": bytes(10_000), "more_body": True})
            self.sent += 10_000
        await send({"type": "http.response.body", "body": b""})


class Deaf(App):
    """The application of these tests, with a WebSocket that listens to nobody."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return await super().__call__(scope, receive, send)
        await send({"type": "websocket.accept"})
        await self.go_on.wait()
        return None


async def wait_until(condition: Any, seconds: float = 3.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def is_served(port: int) -> bool:
    """Whether another client is answered, within a second."""
    wire = await Wire.connect(port)
    wire.send(headers(1, GET))
    async with asyncio.timeout(1):
        return await wire.answer(1) == (200, b"pong")


async def asked(app: Any, *sent: bytes, stream: int = 1, **options: Any) -> Wire:
    """A client that has sent something and seen the end of an answer."""
    async with serving(app, **options) as server:
        wire = await Wire.connect(server.port)
        wire.send(*sent)
        await wire.until(lambda frame: frame.stream == stream and (ends(frame) or frame.kind == RST_STREAM))
        await wire.alive()
        return wire
