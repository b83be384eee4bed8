"""Limits kept in this process: for the time that Redis is away."""

from collections import OrderedDict

from services.gateway.limits.gcra import MICROSECONDS, Decision, Limit, decide
from services.kit.clock import Clock

MAX_KEYS = 100_000


class LocalLimiter:
    """GCRA in a table that forgets whoever was quiet for longest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrivals: OrderedDict[str, int] = OrderedDict()

    def check(self, key: str, limit: Limit) -> Decision:
        """Count one request."""
        now = int(self._clock.monotonic() * MICROSECONDS)
        decision, arrival = decide(limit, self._arrivals.get(key, 0), now)
        self._arrivals[key] = arrival
        self._arrivals.move_to_end(key)
        if len(self._arrivals) > MAX_KEYS:
            self._arrivals.popitem(last=False)
        return decision
