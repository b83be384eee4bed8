"""A second layer in memory, for tests: what Redis does, with the moment of every step under control."""

from dataclasses import dataclass, field

from services.kit.cache.keys import levels
from services.kit.cache.shared import Lease, Lookup
from services.kit.errors import Unavailable
from services.kit.testing import FakeClock


@dataclass
class _Stored:
    data: bytes
    generation: str
    fresh_until: float


@dataclass
class MemoryShared:
    """A SharedStore that several caches of one test may share. `away` makes every method fail."""

    clock: FakeClock = field(default_factory=FakeClock)
    grace: float = 0.0
    lease_seconds: float = 10.0
    away: bool = False

    def __post_init__(self) -> None:
        self.entries: dict[str, _Stored] = {}
        self.leases: dict[str, tuple[Lease, float]] = {}
        self.generations: dict[str, int] = {}
        self._count = 0

    async def peek(self, key: str) -> Lookup:
        """As SharedStore."""
        self._require()
        return self._find(key)

    async def lookup(self, key: str, *, steal: bool = False) -> Lookup:
        """As SharedStore."""
        self._require()
        found = self._find(key)
        held = self.leases.get(key)
        current = held is not None and held[0].generation == self._generation(key) and held[1] > self.clock.now
        if found.fresh or (current and not steal):
            return found
        lease = Lease(key, str(self._next()), self._generation(key))
        self.leases[key] = (lease, self.clock.now + self.lease_seconds)
        return Lookup(found.data, found.ttl, lease)

    async def fill(self, lease: Lease, data: bytes, ttl: float) -> bool:
        """As SharedStore."""
        self._require()
        held = self.leases.get(lease.key)
        if held is None or held[0] != lease or held[1] <= self.clock.now:
            return False
        del self.leases[lease.key]
        if self._generation(lease.key) != lease.generation:
            return False
        self._write(lease.key, data, ttl)
        return True

    async def release(self, lease: Lease) -> None:
        """As SharedStore."""
        self._require()
        if lease.key in self.leases and self.leases[lease.key][0] == lease:
            del self.leases[lease.key]

    async def put(self, key: str, data: bytes, ttl: float) -> None:
        """As SharedStore."""
        self._require()
        self.leases.pop(key, None)
        self._write(key, data, ttl)

    async def delete(self, key: str) -> int:
        """As SharedStore."""
        self._require()
        self.leases.pop(key, None)
        return int(self.entries.pop(key, None) is not None)

    async def discard_level(self, level: str) -> str:
        """As SharedStore."""
        self._require()
        self.generations[level] = self._next()
        return str(self.generations[level])

    def _find(self, key: str) -> Lookup:
        stored = self.entries.get(key)
        if stored is None or stored.generation != self._generation(key):
            return Lookup(None, 0.0, None)
        left = stored.fresh_until - self.clock.now
        return Lookup(stored.data, left, None) if left > -self.grace else Lookup(None, 0.0, None)

    def _write(self, key: str, data: bytes, ttl: float) -> None:
        self.entries[key] = _Stored(data, self._generation(key), self.clock.now + ttl)

    def _generation(self, key: str) -> str:
        return str(max(self.generations.get(level, 0) for level in levels(key)))

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _require(self) -> None:
        if self.away:
            raise Unavailable("Redis is away")
