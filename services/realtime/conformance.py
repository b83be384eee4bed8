"""Serve what the official protocol suites expect: `python -m services.realtime.conformance --port 3000`.

The suites are in socketio/socket.io, docs/engine.io-protocol/v4-test-suite and docs/socket.io-protocol/v5-test-suite.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from services.realtime.engine.http import Engine
from services.realtime.engine.packets import message
from services.realtime.engine.session import Options, Session
from services.realtime.socketio_server import SocketIO

OPTIONS = Options(ping_interval=0.3, ping_timeout=0.2, max_payload=1_000_000)
CONNECT_TIMEOUT = 1.0  # seconds
NAMESPACES = ("/", "/custom")


class Echo:
    """Sends back what it receives."""

    def opened(self, session: Session) -> None:
        """A session begins."""

    async def message(self, session: Session, data: str | bytes) -> None:
        """Send it back."""
        session.send(message(data))

    async def closed(self, session: Session, reason: str) -> None:
        """A session has ended."""

    def held(self, session: Session, slow: bool) -> None:
        """A client reads slowly."""


def socketio_application(sio: SocketIO, namespace: str) -> None:
    """What the Socket.IO suite talks to."""

    async def connect(sid: str, session: Session, auth: object) -> None:
        emit = sio.emit("auth", auth or {}, to=sid, namespace=namespace)
        asyncio.get_running_loop().call_soon(asyncio.ensure_future, emit)  # after the answer to CONNECT

    async def send_back(sid: str, *arguments: object) -> None:
        await sio.emit("message-back", arguments, to=sid, namespace=namespace)

    async def acknowledge(sid: str, *arguments: object) -> tuple[object, ...]:
        return arguments

    sio.on("connect", connect, namespace)
    sio.on("message", send_back, namespace)
    sio.on("message-with-ack", acknowledge, namespace)


async def application(options: Options = OPTIONS) -> web.Application:
    """Both suites' applications."""
    sio = SocketIO(options, CONNECT_TIMEOUT)
    for namespace in NAMESPACES:
        socketio_application(sio, namespace)
    engine = Engine(options, Echo())
    app = web.Application(client_max_size=options.max_payload)
    app.router.add_route("*", "/engine.io/", _serve(engine))
    app.router.add_route("*", "/socket.io/", _serve(sio.engine))
    app.on_shutdown.append(lambda _: engine.shutdown())
    app.on_shutdown.append(lambda _: sio.shutdown())
    return app


def _serve(engine: Engine) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await engine.handle(request, request.remote or "")

    return handle


def main() -> None:
    """Serve until interrupted."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=3000)
    port: int = arguments.parse_args().port
    web.run_app(application(), port=port, handler_cancellation=True, print=None)


if __name__ == "__main__":
    main()
