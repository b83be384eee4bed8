"""Who may open a connection: addresses and users, and how many each may hold."""

from collections import Counter


class Admission:
    """Counts the open connections of each address, and knows how many an address and a user may have."""

    def __init__(self, per_address: int, per_user: int = 0) -> None:
        self._per_address = per_address  # 0: any number
        self._per_user = per_user  # 0: any number
        self._open: Counter[str] = Counter()

    def allows(self, address: str) -> bool:
        """Whether the address may open another connection."""
        return not self._per_address or self._open[address] < self._per_address

    def allows_user(self, open_connections: int) -> bool:
        """Whether a user with so many connections may have another one."""
        return not self._per_user or open_connections < self._per_user

    def opened(self, address: str) -> None:
        """A connection was opened."""
        self._open[address] += 1

    def closed(self, address: str) -> None:
        """A connection has ended."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]


class Turnstile:
    """Lets newcomers in at a steady rate, so that a storm of reconnections does not stall those who are here.

    The generic cell rate algorithm (ITU-T I.371): each newcomer is given the next free moment.
    """

    def __init__(self, per_second: float, longest: float) -> None:
        self._interval = 1 / per_second
        self._longest = longest  # seconds that anybody is kept waiting
        self._next = float("-inf")

    def wait(self, now: float) -> float | None:
        """How many seconds a newcomer waits; None when it had better come again later."""
        turn = max(self._next, now)
        if turn - now > self._longest:
            return None
        self._next = turn + self._interval
        return turn - now
