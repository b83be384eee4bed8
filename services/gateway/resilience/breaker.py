"""A circuit breaker for a server that many call at once (Nygard, "Release It!", 2007).

Unlike the kit's it knows slow calls, for which callers wait longest, and lets several probes decide.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from services.gateway.resilience.window import Window
from services.kit.breaker import State
from services.kit.errors import Unavailable

CALLS, FAILURES, SLOW = range(3)


@dataclass(frozen=True)
class BreakerOptions:
    """When it opens, and how it closes. Shares are of the calls of the last ten seconds."""

    failure_share: float = 0.5
    slow_share: float = 0.8
    minimum_calls: int = 5  # fewer never open it
    in_a_row: int = 5  # failures that open it however many calls went well before
    pause: float = 1.0  # seconds until the first probe; doubled each time in a row that it opens
    longest_pause: float = 10.0  # seconds
    probes: int = 3  # at once, and successes in a row that close it


class Breaker:
    """Closed: all pass. Open: nobody. Half-open: a few probes, of which one failure is enough to open it again."""

    def __init__(self, name: str, now: Callable[[], float], options: BreakerOptions | None = None) -> None:
        self.name = name
        self.opened = 0  # times
        self._options = options or BreakerOptions()
        self._now = now
        self._window = Window(3, now)
        self._opened_at: float | None = None
        self._closed_at = -math.inf
        self._pause = self._options.pause
        self._probing = 0
        self._passed = 0
        self._in_a_row = 0

    @property
    def state(self) -> State:
        """The present state."""
        if self._opened_at is None:
            return State.CLOSED
        return State.OPEN if self._now() < self._opened_at + self._pause else State.HALF_OPEN

    @property
    def doubted(self) -> bool:
        """Whether the last call failed, or it is not closed at all."""
        return self._in_a_row > 0 or self._opened_at is not None

    @property
    def retry_after(self) -> float:
        """Seconds after which a call may be worth another try; 1 at least."""
        return 1.0 if self._opened_at is None else max(1.0, self._opened_at + self._pause - self._now())

    def allows(self) -> bool:
        """Whether a call may begin now."""
        state = self.state
        return state is State.CLOSED or (state is State.HALF_OPEN and self._probing < self._options.probes)

    def enter(self) -> bool:
        """Begin a call, to be ended by `leave` with what is returned here. Raises Unavailable when none may begin."""
        if not self.allows():
            raise Unavailable(f"{self.name} is not answering", retry_after=self.retry_after)
        probe = self._opened_at is not None
        self._probing += probe
        return probe

    def leave(self, probe: bool, *, failed: bool = False, slow: bool = False, counted: bool = True) -> None:
        """End a call. One that was given up by the caller says nothing and is not counted."""
        self._probing -= probe
        if counted and probe and self.state is State.HALF_OPEN:
            self._judge_probe(bad=failed or slow)
        elif counted and not probe and self._opened_at is None:
            self._count(failed, slow)

    def doubt(self) -> None:
        """Something has failed that is not to be counted as a call."""
        self._in_a_row = max(1, self._in_a_row)

    def reassure(self) -> None:
        """The failures in a row have come to an end, though no call has shown it."""
        self._in_a_row = 0

    def _count(self, failed: bool, slow: bool) -> None:
        self._window.add(CALLS)
        self._in_a_row = self._in_a_row + 1 if failed else 0
        if failed:
            self._window.add(FAILURES)
        if slow:
            self._window.add(SLOW)
        if (failed or slow) and self._too_bad():
            self._open()

    def _too_bad(self) -> bool:
        calls, failures, slow = self._window.totals()
        options = self._options
        by_share = failures >= options.failure_share * calls or slow >= options.slow_share * calls
        return self._in_a_row >= options.in_a_row or (calls >= options.minimum_calls and by_share)

    def _judge_probe(self, *, bad: bool) -> None:
        if bad:
            self._open()
            return
        self._passed += 1
        if self._passed >= self._options.probes:
            self._opened_at, self._closed_at = None, self._now()
            self._window.clear()

    def _open(self) -> None:
        """For longer each time, unless it has been closed for long."""
        now, options = self._now(), self._options
        again = self._opened_at is not None or now < self._closed_at + options.longest_pause
        self._pause = min(self._pause * 2, options.longest_pause) if again else options.pause
        self._opened_at, self._passed, self._in_a_row = now, 0, 0
        self.opened += 1
