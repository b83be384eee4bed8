"""When requests begin: so many in a turn of the event loop, and one of each connection after the other.

So who asks once waits for one request of each busy client at most, and never for all that they have asked for.
"""

import asyncio
from collections import deque
from typing import Protocol

from services.gateway.http2.statistics import Event, Events


class Waiting(Protocol):
    """A connection with requests that have arrived and not begun."""

    def begin_next(self) -> bool:
        """Begin the next one, if there is one. Returns whether there are more."""
        ...


class Turns:
    """Begins requests; what is above `most` in a turn of the loop waits for the next."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int, events: Events) -> None:
        self._loop = loop
        self._most = self._left = most
        self._events = events
        self._waiting: deque[Waiting] = deque()
        self._scheduled = False

    def join(self, connection: Waiting) -> None:
        """Begin what a connection has, if it is its turn. It joins again only after it has had nothing more."""
        more = True
        while more and self._left and not self._waiting:
            self._left -= 1
            more = connection.begin_next()
        if more:
            self._waiting.append(connection)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """The loop has come round."""
        self._scheduled = False
        self._left = self._most
        waiting = self._waiting
        while waiting and self._left:
            self._left -= 1
            connection = waiting.popleft()
            if connection.begin_next():
                waiting.append(connection)
        if waiting:
            self._events[Event.DEFERRALS] += 1
            self._scheduled = True
            self._loop.call_soon(self._turn)
