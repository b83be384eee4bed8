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
MEASURED_CALLS = 50  # at little load, so that there are some of most operations ...
MEASURED_OPERATION_CALLS = 2  # ... of which few will do: else a rare one would be measured at full load some day
LITTLE = 1 / 3  # of the limit; well below 1 / TOLERANCE, or a queue that is always there would come to pass for usual


class _Operation:
    """One operation's usual time, measured anew once in a while: upstreams change."""

    __slots__ = ("measured", "times", "usual")

    def __init__(self) -> None:
        self.times: list[float] = []
        self.usual = math.inf
        self.measured = -math.inf

    def slowness(self, now: float, believed: float) -> float:
        """How many times the usual time, which is believed for so long, the calls of this window took."""
        middle = median(self.times)
        self.times.clear()
        if now - self.measured >= believed:
            self.usual, self.measured = middle, now
        self.usual = max(1e-6, min(self.usual, middle))
        return middle / self.usual


class AdaptiveLimit:
    """Counts the calls in flight against a limit that moves.

    Usual times are measured while there is little load. Where there always is more, the limit is brought down for it.
    """

    def __init__(self, now: Callable[[], float], chance: Callable[[], float] = random.random) -> None:
        self.limit = INITIAL
        self.in_flight = 0
        self._now = now
        self._chance = chance
        self._operations: dict[str, _Operation] = {}
        self._began = now()
        self._due = self._began + MEASURED_FOR
        self._calls = 0
        self._busiest = 0
        self._measuring = False

    def has_room(self, share: float) -> bool:
        """Whether a call may begin that may fill this share of the limit."""
        limit = LITTLE * self.limit if self._measuring else self.limit
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
        if seconds is None or (self._measuring and self._now() - seconds < self._began):  # it began at more load
            return
        self._operations.setdefault(operation, _Operation()).times.append(seconds)
        self._calls += 1
        enough = MEASURED_CALLS if self._measuring else WINDOW_CALLS
        if self._calls >= enough and self._now() - self._began >= WINDOW_SECONDS:
            self._close_window()

    def _close_window(self) -> None:
        now = self._now()
        if now - self._began > OUTDATED_SECONDS:  # the calls of different days, so to speak
            self._forget_times()
        little = self._measuring or self._busiest < self.limit / 2
        enough = MEASURED_OPERATION_CALLS if self._measuring else OPERATION_CALLS
        known = [item for item in self._operations.values() if len(item.times) >= enough]
        calls = sum(len(item.times) for item in known)
        if calls:
            self._adjust(sum(len(item.times) * item.slowness(now, self._believed(little)) for item in known) / calls)
        if little and any(item.measured == now for item in known):
            self._due = now + MEASURED_FOR * (0.9 + 0.2 * self._chance())
        self._measuring = not little and now >= self._due
        if self._measuring:
            self._forget_times()
        self._began, self._calls, self._busiest = now, 0, self.in_flight

    def _believed(self, little: bool) -> float:
        """Seconds that usual times are believed: where there is little load, it is as well to measure some earlier."""
        if self._measuring:
            return 0.0
        return (0.8 if little else 3.0) * MEASURED_FOR

    def _forget_times(self) -> None:
        for item in self._operations.values():
            item.times.clear()

    def _adjust(self, slowness: float) -> None:
        gradient = max(0.5, min(1.0, TOLERANCE / slowness))
        if gradient == 1.0 and self._busiest < self.limit / 2:
            return  # nobody has tried how much more there could be
        target = gradient * self.limit + math.sqrt(self.limit)
        self.limit = min(HIGHEST, max(LOWEST, self.limit + SMOOTHING * (target - self.limit)))
