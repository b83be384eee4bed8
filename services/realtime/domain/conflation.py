"""Conflation: of several values for one key only the last is sent, and no channel is written to too often.

A channel's subscribers all see the same thing at the same time. So a newcomer's snapshot is what the others have been
sent, and whatever is still waiting reaches everybody together: nothing is missed, nothing comes twice.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

Value = TypeVar("Value")

MANY = 1 << 20


class Conflator(Generic[Value]):
    """The values of one channel: what its subscribers have seen, and what waits to be sent."""

    __slots__ = ("_interval", "_keep", "_pending", "due", "seen")

    def __init__(self, interval: float, seen: Mapping[str, Value], keep: int) -> None:
        self._interval = interval
        self._keep = keep  # how many keys are remembered, the greatest ones
        self.due = float("-inf")  # when the channel may be written to again
        self._pending: dict[str, Value] = {}
        self.seen = dict(seen)

    def offer(self, key: str, value: Value) -> bool:
        """Take a new value; returns whether it replaced one that was never sent."""
        replaced = key in self._pending
        self._pending[key] = value
        return replaced

    @property
    def waits(self) -> bool:
        """Whether there is something to send."""
        return bool(self._pending)

    def take(self, now: float) -> dict[str, Value]:
        """Everything that waits, to be sent now."""
        changes, self._pending = self._pending, {}
        self.seen.update(changes)
        for key in sorted(self.seen)[: -self._keep] if len(self.seen) > self._keep else ():
            del self.seen[key]
        on_time = now - self.due < self._interval
        self.due = (self.due if on_time else now) + self._interval  # being a little late does not lower the rate
        return changes


class Conflation(Generic[Value]):
    """The conflators of all channels that have subscribers. Times are seconds of a monotonic clock.

    `wake` is called with the moment at which a channel that begins to wait may be written to.
    """

    def __init__(self, wake: Callable[[float], None]) -> None:
        self._wake = wake
        self._open: dict[str, Conflator[Value]] = {}
        self._waiting: list[tuple[float, str]] = []  # a heap; channels that were closed meanwhile are passed over
        self.offered = 0  # values, once for each channel that is open
        self.replaced = 0  # values that a newer one replaced before they were sent

    def open(self, channel: str, interval: float, seen: Mapping[str, Value], keep: int = MANY) -> None:
        """Begin to conflate for a channel, whose first subscriber is about to be shown `seen`."""
        self._open[channel] = Conflator(interval, seen, keep)

    def close(self, channel: str) -> None:
        """Forget a channel that nobody listens to any more."""
        self._open.pop(channel, None)

    def offer(self, channel: str, key: str, value: Value) -> None:
        """Take a new value for a channel, if anybody listens."""
        conflator = self._open.get(channel)
        if conflator is None:
            return
        if not conflator.waits:
            heapq.heappush(self._waiting, (conflator.due, channel))
            self._wake(conflator.due)
        self.offered += 1
        self.replaced += conflator.offer(key, value)

    def seen(self, channel: str) -> Mapping[str, Value]:
        """What a channel's subscribers have been sent: a newcomer's snapshot."""
        return self._open[channel].seen

    def take_due(self, now: float) -> Iterator[tuple[str, dict[str, Value]]]:
        """The channels that may be written to now, each with what changed."""
        while self._waiting and self._waiting[0][0] <= now:
            channel = heapq.heappop(self._waiting)[1]
            conflator = self._open.get(channel)
            if conflator is not None and conflator.waits:
                yield channel, conflator.take(now)

    @property
    def next_due(self) -> float:
        """When there is something to send again; infinite while nothing waits."""
        return self._waiting[0][0] if self._waiting else float("inf")
