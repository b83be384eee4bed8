"""Connection state recovery: what a client shows when it comes back, and what it has missed.

A stock client keeps the last string that ended an event, and returns it when it reconnects. That string holds all that
a node must know, so that any node can carry on, and none has to remember those who left.
"""

from collections import deque

import msgspec

from services.realtime.domain.payloads import UserEvent

CAPACITY = 10_000  # events of all users that a node remembers
MEMORY = 32 << 20  # bytes of their data, at most


class Offset(msgspec.Struct, frozen=True, array_like=True):
    """Where a socket stands. It grants nothing: the user is proved by a token, and channels are granted anew."""

    user_id: str  # empty for nobody
    after: int  # the last user event that the socket has been sent, or could have been
    channels: list[str]
    hz: dict[str, float] = {}  # the paces that the client has chosen, by channel


def encode(offset: Offset) -> str:
    """The offset as the client keeps it."""
    return msgspec.json.encode(offset).decode()


def decode(text: object) -> Offset | None:
    """The offset that a client returns; None when it is none of ours."""
    try:
        return msgspec.json.decode(text, type=Offset) if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None


class RecentEvents:
    """The latest user events that this node has seen: most clients that come back need no other source."""

    def __init__(self, capacity: int = CAPACITY, memory: int = MEMORY) -> None:
        self._capacity = capacity
        self._memory = memory
        self._size = 0  # bytes of data
        self._events: deque[UserEvent] = deque()
        self._of_user: dict[str, deque[UserEvent]] = {}
        self._complete_after = -1
        self.last = -1  # the latest event of the stream; -1 while it is not known

    def begin(self, last: int) -> None:
        """From now on every event later than `last` is added."""
        if last < self.last:  # the stream began anew
            self._events.clear()
            self._of_user.clear()
            self._size = 0
            self._complete_after = last
        elif self.last < 0:
            self._complete_after = last
        self.last = last

    def add(self, event: UserEvent) -> None:
        """The next event of the stream."""
        self.last = event.id
        self._events.append(event)
        self._of_user.setdefault(event.user_id, deque()).append(event)
        self._size += len(event.data)
        while len(self._events) > self._capacity or self._size > self._memory:
            self._drop_oldest()

    def since(self, user_id: str, after: int) -> list[UserEvent] | None:
        """A user's events with a larger id, in order; None when this node does not remember all of them."""
        if self.last < 0 or after < self._complete_after:
            return None
        return [event for event in self._of_user.get(user_id, ()) if event.id > after]

    def _drop_oldest(self) -> None:
        oldest = self._events.popleft()
        events = self._of_user[oldest.user_id]
        events.popleft()
        if not events:
            del self._of_user[oldest.user_id]
        self._size -= len(oldest.data)
        self._complete_after = oldest.id
