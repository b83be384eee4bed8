"""The generic cell rate algorithm (ITU-T I.371, as a virtual schedule): exact rate and burst from one number a key.

That number is the theoretical arrival time (TAT): the moment at which the quota would be full again. Pure arithmetic in
whole microseconds; `redis_limiter` runs the same in Lua.
"""

from dataclasses import dataclass

MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Limit:
    """`count` requests in `seconds`, at once or spread."""

    count: int
    seconds: int

    @property
    def period(self) -> int:
        """The window, in microseconds."""
        return self.seconds * MICROSECONDS

    @property
    def interval(self) -> int:
        """What one request costs, in microseconds of the window."""
        return max(1, self.period // self.count)


@dataclass(frozen=True)
class Decision:
    """Whether a request may pass, and what the client is told. Times are seconds from now."""

    allowed: bool
    remaining: int
    reset: float  # until the whole quota is there again
    retry_after: float  # until the next request may pass; 0 when this one may


def decide(limit: Limit, arrival: int, now: int) -> tuple[Decision, int]:
    """The decision for one request at `now`, and the key's new TAT. `arrival` is the TAT so far, 0 for a new key."""
    start = max(arrival, now)
    end = start + limit.interval
    over = end - now - limit.period
    if over > 0:
        return Decision(False, 0, (start - now) / MICROSECONDS, over / MICROSECONDS), arrival
    remaining = (limit.period - (end - now)) // limit.interval
    return Decision(True, remaining, (end - now) / MICROSECONDS, 0.0), end
