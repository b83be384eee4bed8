"""Counts wrong credentials, so that guessing and forging cost little: a token to verify, or a key to ask auth about."""

from collections import OrderedDict

from services.gateway.limits.gcra import MICROSECONDS, Limit, decide
from services.kit.clock import Clock
from services.kit.errors import TooManyRequests

MOST = Limit(20, 60)  # from one address; then nothing that is new is looked at
MAX_ADDRESSES = 10_000  # of which they are counted


class WrongCredentials:
    """Wrong access tokens and API keys by address, counted together (GCRA)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrivals: OrderedDict[str, int] = OrderedDict()

    def check(self, address: str) -> None:
        """Raise TooManyRequests for an address that has shown too many."""
        decision, _ = decide(MOST, self._arrivals.get(address, 0), self._now())
        if not decision.allowed:
            raise TooManyRequests("too many wrong tokens or API keys", retry_after=decision.retry_after)

    def count(self, address: str) -> None:
        """Count one."""
        _, self._arrivals[address] = decide(MOST, self._arrivals.get(address, 0), self._now())
        self._arrivals.move_to_end(address)
        if len(self._arrivals) > MAX_ADDRESSES:
            self._arrivals.popitem(last=False)

    def _now(self) -> int:
        return int(self._clock.monotonic() * MICROSECONDS)
