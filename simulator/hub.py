"""Who listens to what in one venue: each frame is encoded once and handed to every listener."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from simulator.faults import Faults

if TYPE_CHECKING:
    from simulator.session import Session


class Hub:
    """The connections of one venue and their subscriptions, by key (a stream or channel with its symbol)."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.sessions: set[Session] = set()
        self.frames_sent = 0
        self.frames_dropped = 0
        self._listeners: defaultdict[str, set[Session]] = defaultdict(set)
        self._tasks: set[asyncio.Task[Any]] = set()

    def subscribe(self, session: "Session", key: str) -> None:
        """Let a session hear what is published under the key."""
        session.keys.add(key)
        self._listeners[key].add(session)

    def unsubscribe(self, session: "Session", key: str) -> None:
        """Stop it; a key not subscribed to is ignored."""
        session.keys.discard(key)
        listeners = self._listeners.get(key, set())
        listeners.discard(session)
        if not listeners:
            self._listeners.pop(key, None)

    def leave(self, session: "Session") -> None:
        """Forget a connection that ended."""
        for key in list(session.keys):
            self.unsubscribe(session, key)
        self.sessions.discard(session)

    def wanted(self, key: str) -> bool:
        """Whether anybody listens to the key."""
        return key in self._listeners

    def publish(self, key: str, payload: bytes) -> None:
        """Queue one encoded frame to everybody who listens to the key."""
        for session in self._listeners.get(key, ()):
            session.send(payload)

    def disconnect_all(self) -> None:
        """Close every open connection."""
        for session in list(self.sessions):
            self.spawn(session.close())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background, held so that it is not collected before its end."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
