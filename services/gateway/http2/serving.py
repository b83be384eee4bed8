"""The server: Hypercorn's configuration, lifespan and WebSockets, with our listeners and our HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config, Sockets
from hypercorn.typing import ASGIFramework
from starlette.types import ASGIApp

from services.gateway.http2 import statistics
from services.gateway.http2.engine import Engine
from services.gateway.http2.front import Door, Front
from services.gateway.http2.http1 import Http1Server
from services.gateway.http2.limits import Limits
from services.kit.acceptor import Acceptor


async def serve(
    app: ASGIApp,
    config: Config,
    *,
    sockets: Sockets,
    shutdown_trigger: Callable[[], Awaitable[object]],
    limits: Limits | None = None,
) -> None:
    """Serve until the trigger, then answer what is in flight for at most `config.graceful_timeout` seconds.

    Raises what the application's start raises.
    """
    wrapped = ASGIWrapper(cast("ASGIFramework", app))
    async with _lifespan(wrapped, config) as state:
        engine = Engine(app, config, limits or Limits(), state)
        statistics.export(engine.statistics)
        stock = StockServers(wrapped, config, engine, state)
        door = Door(engine, stock.serve)
        listeners = _listen(door, config, sockets)
        engine.start()
        try:
            await shutdown_trigger()
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(_drain(listeners, door, engine, stock), config.graceful_timeout)
            engine.stop()
            stock.stop()


async def _drain(listeners: list[Acceptor], door: Door, engine: Engine, stock: "StockServers") -> None:
    """Return when everybody who is here, and who was about to come in, has been served."""
    await asyncio.gather(*(listener.close() for listener in listeners), door.close(), engine.drain(), stock.drain())
    await asyncio.gather(engine.drain(), stock.drain())


class StockServers:
    """Hypercorn's servers for WebSockets over HTTP/1.1, one a connection."""

    def __init__(self, app: ASGIWrapper, config: Config, engine: Engine, state: dict[str, Any]) -> None:
        self._app = app
        self._config = config
        self._engine = engine
        self._state = state
        self._context = WorkerContext(None)
        self._open: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        task.add_done_callback(self._open.pop)
        server = Http1Server(self._app, self._engine.loop, self._config, self._context, self._state, reader, writer)
        with suppress(asyncio.CancelledError):  # by `stop`, below; asyncio would log it as a failure of its own
            await server

    async def drain(self) -> None:
        """Close the connections that are idle, and return when the others are done."""
        await self._context.terminated.set()
        while self._open:
            await asyncio.wait(self._open)

    def stop(self) -> None:
        """End what is left. An application that is cancelled would still wait for a client who reads nothing."""
        for task, writer in self._open.items():
            writer.transport.abort()
            task.cancel()


def _listen(door: Door, config: Config, sockets: Sockets) -> list[Acceptor]:
    secure, timeout = config.create_ssl_context(), config.ssl_handshake_timeout
    for listener in (*sockets.secure_sockets, *sockets.insecure_sockets):
        listener.listen(config.backlog)
    listeners = [Acceptor(listener, lambda: Front(door), secure, timeout) for listener in sockets.secure_sockets]
    return listeners + [Acceptor(listener, lambda: Front(door)) for listener in sockets.insecure_sockets]


@asynccontextmanager
async def _lifespan(app: ASGIWrapper, config: Config) -> AsyncIterator[dict[str, Any]]:
    """Start the application, and end it. Gives the state that it leaves for its requests."""
    state: dict[str, Any] = {}
    loop = asyncio.get_running_loop()
    lifespan = Lifespan(app, config, loop, state)
    task = loop.create_task(lifespan.handle_lifespan())
    await lifespan.wait_for_startup()
    if task.done() and (error := task.exception()) is not None:
        raise error
    try:
        yield state
    finally:
        await lifespan.wait_for_shutdown()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
