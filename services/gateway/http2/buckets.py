"""A token bucket."""


class TokenBucket:
    """Lets through a burst at once, and after that as much as flows in."""

    __slots__ = ("_burst", "_level", "_rate", "_updated")

    def __init__(self, burst: int, rate: int, now: float) -> None:
        self._burst = burst
        self._rate = rate
        self._level = float(burst)
        self._updated = now

    def take(self, tokens: int, now: float) -> bool:
        """Whether so many tokens were there; they are gone in either case."""
        self._level = min(self._burst, self._level + (now - self._updated) * self._rate) - tokens
        self._updated = now
        return self._level >= 0

    def earn(self, tokens: float) -> None:
        """Pour in tokens, up to the burst."""
        self._level = min(self._burst, self._level + tokens)
