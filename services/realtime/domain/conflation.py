"""Conflation: of several values for one key only the last is sent, and no channel is written to too often.

A channel's subscribers all see the same thing at the same time. So a newcomer's snapshot is what the others have been
sent, and whatever is still waiting reaches everybody together: nothing is missed, nothing comes twice.
"""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

Value = TypeVar("Value")

MANY = 1 << 20


class Conflator(Generic[Value]):
    """The values of one channel: what its subscribers have seen, and what waits to be sent."""

    __slots__ = ("_interval", "_keep", "_next", "_pending", "seen")

    def __init__(self, interval: float, seen: Mapping[str, Value], keep: int) -> None:
        self._interval = interval
        self._keep = keep  # how many keys are remembered, the greatest ones
        self._next = float("-inf")  # when the channel may be written to again
        self._pending: dict[str, Value] = {}
        self.seen = dict(seen)

    def offer(self, key: str, value: Value) -> bool:
        """Take a new value; returns whether it replaced one that was never sent."""
        replaced = key in self._pending
        self._pending[key] = value
        return replaced

    def is_due(self, now: float) -> bool:
        """Whether something waits and may be sent."""
        return bool(self._pending) and now >= self._next

    def take(self, now: float) -> dict[str, Value]:
        """Everything that waits, to be sent now."""
        changes, self._pending = self._pending, {}
        self.seen.update(changes)
        for key in sorted(self.seen)[: -self._keep] if len(self.seen) > self._keep else ():
            del self.seen[key]
        self._next = now + self._interval
        return changes


class Conflation(Generic[Value]):
    """The conflators of all channels that have subscribers. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._open: dict[str, Conflator[Value]] = {}
        self._waiting: dict[str, Conflator[Value]] = {}
        self.replaced = 0  # values that a newer one replaced before they were sent

    def open(self, channel: str, interval: float, seen: Mapping[str, Value], keep: int = MANY) -> None:
        """Begin to conflate for a channel, whose first subscriber is about to be shown `seen`."""
        self._open[channel] = Conflator(interval, seen, keep)

    def close(self, channel: str) -> None:
        """Forget a channel that nobody listens to any more."""
        self._open.pop(channel, None)
        self._waiting.pop(channel, None)

    def offer(self, channel: str, key: str, value: Value) -> None:
        """Take a new value for a channel, if anybody listens."""
        conflator = self._open.get(channel)
        if conflator is None:
            return
        self.replaced += conflator.offer(key, value)
        self._waiting[channel] = conflator

    def seen(self, channel: str) -> Mapping[str, Value]:
        """What a channel's subscribers have been sent: a newcomer's snapshot."""
        return self._open[channel].seen

    def take_due(self, now: float) -> Iterator[tuple[str, dict[str, Value]]]:
        """The channels that may be written to now, each with what changed."""
        for channel, conflator in list(self._waiting.items()):
            if conflator.is_due(now):
                del self._waiting[channel]
                yield channel, conflator.take(now)
