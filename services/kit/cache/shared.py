"""The second layer as the cache sees it: shared by all processes, and possibly away."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Lease:
    """The right to fill one key, given to one process at a time, and the generation the fill must still find."""

    key: str
    token: str
    generation: str


@dataclass(frozen=True)
class Lookup:
    """What the second layer knows of a key.

    data: the sealed value, None when there is none.
    ttl: seconds it stays fresh; 0 or less when only its grace is left.
    lease: given when there is no fresh value and nobody else is filling.
    """

    data: bytes | None
    ttl: float
    lease: Lease | None

    @property
    def fresh(self) -> bool:
        """Whether there is a value to be served as it is."""
        return self.data is not None and self.ttl > 0


class SharedStore(Protocol):
    """A store whose fills are fenced: an invalidation in between makes a fill void.

    Every method raises Unavailable, and soon, when the store is away.
    """

    async def peek(self, key: str) -> Lookup:
        """Look without asking for a lease."""
        ...

    async def lookup(self, key: str, *, steal: bool = False) -> Lookup:
        """Look, and take the lease when there is no fresh value; `steal` takes it from another process."""
        ...

    async def fill(self, lease: Lease, data: bytes, ttl: float) -> bool:
        """Store what was loaded under a lease and end it. False when the lease or the generation has passed on."""
        ...

    async def release(self, lease: Lease) -> None:
        """End a lease without a fill."""
        ...

    async def put(self, key: str, data: bytes, ttl: float) -> None:
        """Store a value; voids any lease on the key."""
        ...

    async def delete(self, key: str) -> int:
        """Forget one key and void any lease on it. Returns how many values there were: 0 or 1."""
        ...

    async def discard_level(self, level: str) -> str:
        """Forget every key of a level in constant time, and void the leases on them. Returns the new generation."""
        ...
