"""Who may open a connection: addresses, and how many each may hold."""

from collections import Counter
from collections.abc import Sequence


class Admission:
    """Counts the open connections of each address."""

    def __init__(self, per_address: int) -> None:
        self._per_address = per_address  # 0: any number
        self._open: Counter[str] = Counter()

    def allows(self, address: str) -> bool:
        """Whether the address may open another connection."""
        return not self._per_address or self._open[address] < self._per_address

    def opened(self, address: str) -> None:
        """A connection was opened."""
        self._open[address] += 1

    def closed(self, address: str) -> None:
        """A connection has ended."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]


def client_address(peer: str, forwarded_for: Sequence[str], trusted_hops: int) -> str:
    """The client's address. Trusted proxies appended whom they heard to X-Forwarded-For; the rest is hearsay."""
    entries = [entry.strip() for header in forwarded_for for entry in header.split(",") if entry.strip()]
    if not trusted_hops or not entries:
        return peer
    return entries[-min(trusted_hops, len(entries))]
