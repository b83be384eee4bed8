"""What all connections of a server share."""

import asyncio
import logging
import time
from collections import defaultdict
from typing import Any, Protocol

from hypercorn.config import Config
from starlette.types import ASGIApp

from services.gateway.http2.limits import Limits
from services.gateway.http2.ready import AtHand
from services.gateway.http2.statistics import Event, Events, Statistics
from services.gateway.http2.turns import Turns

logger = logging.getLogger(__name__)


class Connection(Protocol):
    """A connection of either protocol."""

    @property
    def open_streams(self) -> int:
        """Requests that are being answered."""
        ...

    def check(self, now: float) -> None:
        """Look at the time; called once a second."""

    def drain(self) -> None:
        """End when what is in flight is answered."""

    def abort(self) -> None:
        """End without a word, and stop the applications."""


class Engine:
    """The application, the limits and the connections."""

    def __init__(self, app: ASGIApp, config: Config, limits: Limits, state: dict[str, Any]) -> None:
        self.app = app
        self.at_hand: AtHand | None = getattr(app, "at_hand", None)
        self.config = config
        self.limits = limits
        self.state = state  # what the lifespan has left for every request
        self.root_path = config.root_path
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.events: Events = defaultdict(int)
        self.turns = Turns(self.loop, limits.dispatched, self.events)
        self.common_headers: list[tuple[bytes, bytes]] = []
        self._empty = asyncio.Event()
        self._draining = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look after the connections from now on."""
        self._tick()

    def stop(self) -> None:
        """End what is left."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self.connections):
            connection.abort()

    def joined(self, connection: Connection, event: Event) -> None:
        """A connection has begun."""
        self.connections.add(connection)
        self.events[event] += 1
        if self._draining:
            self.loop.call_soon(connection.drain)

    def left(self, connection: Connection) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def drain(self) -> None:
        """Return when the requests in flight are answered and all connections closed."""
        self._draining = True
        for connection in self.connections:
            connection.drain()
        while self.connections:
            self._empty.clear()
            await self._empty.wait()

    def statistics(self) -> Statistics:
        """What the engine does and has done."""
        streams = sum(connection.open_streams for connection in self.connections)
        return Statistics(len(self.connections), streams, dict(self.events))

    def application_failed(self) -> None:
        """Log the exception that has left the application."""
        self.events[Event.APPLICATION_ERRORS] += 1
        logger.exception("the application has failed")

    def _tick(self) -> None:
        """Comes when the clock on the wall turns to the next second: the date of answers is that of no other."""
        tick = self.limits.tick
        self._timer = self.loop.call_later(tick - time.time() % tick, self._tick)
        self.common_headers = self.config.response_headers("h2")
        now = self.loop.time()
        for connection in list(self.connections):
            connection.check(now)


def address(name: object) -> tuple[str, int] | None:
    """The address of an end of a TCP connection; None for others."""
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) and len(name) >= 2 else None
