"""How many calls an upstream gets at once: as many as it answers about as fast as when it is idle.

The gradient method (Netflix concurrency-limits; Envoy's adaptive concurrency filter): when calls take longer than
`TOLERANCE` times their usual time, they queue somewhere, and the limit falls in proportion; else it grows by its root,
as long as it is used. "Usual" is known for each operation, since one limit serves quick and slow ones.
"""

import math
import random
from collections.abc import Callable
from statistics import median

INITIAL, LOWEST, HIGHEST = 64.0, 20.0, 1000.0  # calls at once
WINDOW_SECONDS = 0.1
WINDOW_CALLS = 10
OUTDATED_SECONDS = 10.0  # a window that took longer to fill says nothing
OPERATION_CALLS = 5  # fewer say nothing about an operation
TOLERANCE = 2.0
SMOOTHING = 0.3
MEASURED_FOR = 60.0  # seconds that a usual time is believed, give or take a tenth


class _Operation:
    """One operation's usual time, measured anew once in a while: upstreams change."""

    __slots__ = ("due", "times", "usual")

    def __init__(self) -> None:
        self.times: list[float] = []
        self.usual = math.inf
        self.due = 0.0

    def slowness(self, now: float, chance: float) -> float:
        """How many times the usual time the calls of this window took."""
        middle = median(self.times)
        self.times.clear()
        if now >= self.due:
            self.usual, self.due = middle, now + MEASURED_FOR * (0.9 + 0.2 * chance)
        self.usual = max(1e-6, min(self.usual, middle))
        return middle / self.usual


class AdaptiveLimit:
    """Counts the calls in flight against a limit that moves."""

    def __init__(self, now: Callable[[], float], chance: Callable[[], float] = random.random) -> None:
        self.limit = INITIAL
        self.in_flight = 0
        self._now = now
        self._chance = chance
        self._operations: dict[str, _Operation] = {}
        self._began = now()
        self._calls = 0
        self._busiest = 0
        self._measuring = False

    def has_room(self, share: float) -> bool:
        """Whether a call may begin that may fill this share of the limit."""
        limit = max(LOWEST, self.limit / 2) if self._measuring else self.limit
        return self.in_flight < limit * share

    def enter(self, share: float) -> bool:
        """Begin a call, to be ended by `leave`; False when there is no room."""
        if not self.has_room(share):
            return False
        self.in_flight += 1
        self._busiest = max(self._busiest, self.in_flight)
        return True

    def leave(self, operation: str, seconds: float | None) -> None:
        """End a call that took so long; None when that says nothing about the upstream."""
        self.in_flight -= 1
        if seconds is None:
            return
        self._operations.setdefault(operation, _Operation()).times.append(seconds)
        self._calls += 1
        if self._calls >= WINDOW_CALLS and self._now() - self._began >= WINDOW_SECONDS:
            self._close_window()

    def _close_window(self) -> None:
        now = self._now()
        if now - self._began > OUTDATED_SECONDS:  # the calls of different days, so to speak
            for item in self._operations.values():
                item.times.clear()
        known = [item for item in self._operations.values() if len(item.times) >= OPERATION_CALLS]
        calls = sum(len(item.times) for item in known)
        if calls:
            self._adjust(sum(len(item.times) * item.slowness(now, self._chance()) for item in known) / calls)
        # What is due is measured at half the load, or a queue that is always there would pass for usual.
        self._measuring = any(now + WINDOW_SECONDS >= item.due for item in known)
        self._began, self._calls, self._busiest = now, 0, self.in_flight

    def _adjust(self, slowness: float) -> None:
        gradient = max(0.5, min(1.0, TOLERANCE / slowness))
        if gradient == 1.0 and self._busiest < self.limit / 2:
            return  # nobody has tried how much more there could be
        target = gradient * self.limit + math.sqrt(self.limit)
        self.limit = min(HIGHEST, max(LOWEST, self.limit + SMOOTHING * (target - self.limit)))
