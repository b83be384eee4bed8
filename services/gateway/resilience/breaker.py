"""A circuit breaker for an upstream that many call at once (Nygard, "Release It!", 2007).

Unlike the kit's it knows slow calls, for which callers wait longest, and lets several probes decide.
"""

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
    pause: float = 1.0  # seconds until the first probe; doubled each time the probes fail
    longest_pause: float = 30.0  # seconds
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
        self._pause = self._options.pause
        self._probing = 0
        self._passed = 0

    @property
    def state(self) -> State:
        """The present state."""
        if self._opened_at is None:
            return State.CLOSED
        return State.OPEN if self._now() < self._opened_at + self._pause else State.HALF_OPEN

    def allows(self) -> bool:
        """Whether a call may begin now."""
        state = self.state
        return state is State.CLOSED or (state is State.HALF_OPEN and self._probing < self._options.probes)

    def enter(self) -> bool:
        """Begin a call, to be ended by `leave` with what is returned here. Raises Unavailable when none may begin."""
        if not self.allows():
            wait = 0.0 if self._opened_at is None else self._opened_at + self._pause - self._now()
            raise Unavailable(f"{self.name} is not answering", retry_after=max(1.0, wait))
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

    def _count(self, failed: bool, slow: bool) -> None:
        self._window.add(CALLS)
        if failed:
            self._window.add(FAILURES)
        if slow:
            self._window.add(SLOW)
        if failed or slow:
            calls, failures, slow_calls = self._window.totals()
            options = self._options
            too_bad = failures >= options.failure_share * calls or slow_calls >= options.slow_share * calls
            if calls >= options.minimum_calls and too_bad:
                self._open(options.pause)

    def _judge_probe(self, *, bad: bool) -> None:
        if bad:
            self._open(min(self._pause * 2, self._options.longest_pause))
            return
        self._passed += 1
        if self._passed >= self._options.probes:
            self._opened_at = None
            self._window.clear()

    def _open(self, pause: float) -> None:
        self._opened_at, self._pause, self._passed = self._now(), pause, 0
        self.opened += 1
