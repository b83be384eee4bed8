"""A circuit breaker: stop calling what keeps failing, and try again carefully (Nygard, "Release It!", 2007)."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from services.kit.clock import Clock, SystemClock
from services.kit.errors import Unavailable


class State(Enum):
    """What the breaker lets through."""

    CLOSED = "closed"  # everything
    OPEN = "open"  # nothing
    HALF_OPEN = "half-open"  # one probe at a time


class Breaker:
    """Opens when too large a share of the last calls failed; after a pause one probe decides.

    failure_ratio: share of failures among the last `window` calls that opens the circuit.
    minimum_calls: fewer calls than these never open it.
    open_seconds: the pause before a probe.
    """

    def __init__(
        self,
        name: str,
        *,
        failure_ratio: float = 0.5,
        window: int = 20,
        minimum_calls: int = 5,
        open_seconds: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self._failure_ratio = failure_ratio
        self._minimum_calls = minimum_calls
        self._open_seconds = open_seconds
        self._clock = clock or SystemClock()
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> State:
        """The present state."""
        if self._opened_at is None:
            return State.CLOSED
        if self._clock.monotonic() - self._opened_at < self._open_seconds:
            return State.OPEN
        return State.HALF_OPEN

    def allows(self) -> bool:
        """Whether a call may go through now."""
        state = self.state
        return state is State.CLOSED or (state is State.HALF_OPEN and not self._probing)

    @contextmanager
    def guard(self, failures: tuple[type[BaseException], ...] = (Exception,)) -> Iterator[None]:
        """Run one call. Raises Unavailable at once while the circuit is open; `failures` count against it."""
        if not self.allows():
            raise Unavailable(f"{self.name} is not answering", retry_after=self._open_seconds)
        probe = self.state is State.HALF_OPEN
        self._probing = probe
        try:
            yield
        except failures:
            self.failed()
            raise
        else:
            self.succeeded()
        finally:
            if probe:
                self._probing = False

    def succeeded(self) -> None:
        """Count a success; one success of a probe closes the circuit."""
        if self._opened_at is not None:
            self._opened_at = None
            self._outcomes.clear()
        self._outcomes.append(True)

    def failed(self) -> None:
        """Count a failure; it may open the circuit."""
        self._outcomes.append(False)
        failures = self._outcomes.count(False)
        enough = len(self._outcomes) >= self._minimum_calls
        if self._opened_at is not None or (enough and failures >= self._failure_ratio * len(self._outcomes)):
            self._opened_at = self._clock.monotonic()
