"""Conflation: of several values for one key only the last is sent, and no stream is written to too often.

Time is divided into beats, as many a second as the stream's pace has, and each pays for one write. A stream may use
one beat in advance: so a feed as fast as the pace never waits, however uneven it is, and one that is faster is written
to once a beat. A pace that a client has chosen is kept to the letter, without advance.

A stream's subscribers all see the same thing at the same time. So a newcomer's snapshot is what the others have been
sent, and whatever is still waiting reaches everybody together: nothing is missed, nothing comes twice.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from math import floor, inf
from typing import Generic, TypeVar

from services.kit.clock import Clock
from services.realtime.domain.streams import Stream

Value = TypeVar("Value")

MANY = 1 << 20
EARLY = 0.01  # of a beat: who is early by less is on time


class Conflator(Generic[Value]):
    """The values of one stream: what its subscribers have seen, and what waits to be sent."""

    __slots__ = ("_keep", "_paid", "pending", "seen", "stream")

    def __init__(self, stream: Stream, seen: Mapping[str, Value], keep: int) -> None:
        self.stream = stream
        self._keep = keep  # how many keys are remembered, the greatest ones
        self._paid: float = -inf  # the beat before which all are used up
        self.pending: dict[str, Value] = {}
        self.seen = dict(seen)

    def take(self, now: float) -> dict[str, Value]:
        """Everything that waits, to be sent now."""
        changes, self.pending = self.pending, {}
        self.seen.update(changes)
        for key in sorted(self.seen)[: -self._keep] if len(self.seen) > self._keep else ():
            del self.seen[key]
        self._paid = max(self._paid, floor(now * self.stream.hz + EARLY)) + 1
        return changes

    def due(self, now: float) -> float:
        """When a change that comes now may be written: at once, or with a beat, which all streams of the pace share."""
        in_advance = 0 if self.stream.slowed else 1
        return max(now, (self._paid - in_advance) / self.stream.hz)


Waiting = tuple[float, int, Conflator[Value]]  # due, arrival


class Conflation(Generic[Value]):
    """The conflators of all streams that have subscribers. Times are seconds of the clock's monotonic time.

    `wake` is called with the moment at which a stream that begins to wait may be written to.
    """

    def __init__(self, clock: Clock, wake: Callable[[float], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._open: dict[str, list[Conflator[Value]]] = {}  # by channel, one for each pace
        self._waiting: defaultdict[int, list[Waiting[Value]]] = defaultdict(list)  # by slot a heap
        self._arrivals = count()
        self.offered = 0  # values, once for each stream that is open
        self.replaced = 0  # values that a newer one replaced before they were sent

    def open(self, stream: Stream, seen: Mapping[str, Value], keep: int = MANY) -> None:
        """Begin to conflate for a stream, whose first subscriber is about to be shown `seen`."""
        self._open.setdefault(stream.channel, []).append(Conflator(stream, seen, keep))

    def close(self, stream: Stream) -> None:
        """Forget a stream that nobody listens to any more."""
        conflator = self._find(stream)
        if conflator is None:
            return
        conflator.pending.clear()  # it may still be on the heap, and is passed over there
        self._open[stream.channel].remove(conflator)
        if not self._open[stream.channel]:
            del self._open[stream.channel]

    def offer(self, channel: str, key: str, value: Value) -> None:
        """Take a new value for a channel, for all paces at which anybody listens."""
        for conflator in self._open.get(channel, ()):
            pending = conflator.pending
            if not pending:
                self._wait(conflator)
            self.offered += 1
            self.replaced += key in pending
            pending[key] = value

    def seen(self, stream: Stream) -> Mapping[str, Value]:
        """What a stream's subscribers have been sent: a newcomer's snapshot."""
        conflator = self._find(stream)
        return conflator.seen if conflator is not None else {}

    def pending(self, stream: Stream) -> Mapping[str, Value]:
        """What waits to be sent."""
        conflator = self._find(stream)
        return conflator.pending if conflator is not None else {}

    def take_due(self, slot: int, now: float) -> Iterator[tuple[Stream, dict[str, Value]]]:
        """The streams of a slot that may be written to now, each with what changed."""
        waiting = self._waiting[slot]
        while waiting and waiting[0][0] <= now:
            conflator = heapq.heappop(waiting)[2]
            if conflator.pending:
                yield conflator.stream, conflator.take(now)

    @property
    def earliest(self) -> tuple[float, int]:
        """When there is something to send again, and for which slot; infinite while nothing waits."""
        first = min(((*heap[0][:2], slot) for slot, heap in self._waiting.items() if heap), default=(inf, 0, 0))
        return first[0], first[2]

    def _wait(self, conflator: Conflator[Value]) -> None:
        due = conflator.due(self._clock.monotonic())
        heapq.heappush(self._waiting[conflator.stream.slot], (due, next(self._arrivals), conflator))
        self._wake(due)

    def _find(self, stream: Stream) -> Conflator[Value] | None:
        return next((one for one in self._open.get(stream.channel, ()) if one.stream == stream), None)
