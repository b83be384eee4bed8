"""The first layer: a bounded table in process memory, read without awaiting."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, Literal, Protocol, TypeVar

from services.kit.cache.keys import levels

V = TypeVar("V")

MAX_TOMBSTONES = 256  # forgotten levels remembered before one pass over the table clears them


class Missing(Enum):
    """The type of MISSING, which no cached value can be: None may well be one."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


@dataclass(slots=True)
class LocalCounters:
    """What happened in the table since the process began."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    expirations: int = 0
    invalidations: int = 0


class LocalStore(Protocol[V]):
    """The seam for replacement policies: whatever keeps at most `capacity` entries and answers at once."""

    capacity: int
    counters: LocalCounters

    def __len__(self) -> int: ...

    def get(self, key: str) -> V | Literal[Missing.MISSING]:
        """The value if it is there and fresh."""
        ...

    def stale(self, key: str) -> V | Literal[Missing.MISSING]:
        """The value if it is there, fresh or within its grace."""
        ...

    def put(self, key: str, value: V, ttl: float, grace: float = 0.0) -> None:
        """Keep a value fresh for `ttl` seconds, and as a last resort for `grace` seconds more."""
        ...

    def revive(self, key: str, ttl: float) -> None:
        """Call an expired value fresh for `ttl` seconds more, as far as its grace allows."""
        ...

    def discard(self, key: str) -> None:
        """Forget one key."""
        ...

    def discard_level(self, level: str) -> None:
        """Forget every key of a level, in constant time."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...


class _Entry(Generic[V]):
    __slots__ = ("epoch", "expires_at", "gone_at", "value")

    def __init__(self, value: V, expires_at: float, gone_at: float, epoch: int) -> None:
        self.value = value
        self.expires_at = expires_at  # monotonic seconds: no longer fresh
        self.gone_at = gone_at  # monotonic seconds: no longer even a last resort
        self.epoch = epoch  # the last count of forgotten levels that this entry was checked against


class LruStore(Generic[V]):
    """Pushes out the entry that was not used for longest. All operations take constant time.

    Forgetting a level only notes a tombstone; an entry is checked against the tombstones at its next use, once.
    """

    def __init__(self, capacity: int, monotonic: Callable[[], float]) -> None:
        self.capacity = capacity
        self.counters = LocalCounters()
        self._now = monotonic
        self._entries: OrderedDict[str, _Entry[V]] = OrderedDict()
        self._epoch = 0
        self._tombstones: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> V | Literal[Missing.MISSING]:
        """The value if it is there and fresh."""
        entry = self._entries.get(key)
        if entry is None or (entry.epoch != self._epoch and not self._survives(key, entry)):
            self.counters.misses += 1
            return MISSING
        now = self._now()
        if now >= entry.expires_at:
            self.counters.misses += 1
            self._drop_if_gone(key, entry, now)
            return MISSING
        self._entries.move_to_end(key)
        self.counters.hits += 1
        return entry.value

    def stale(self, key: str) -> V | Literal[Missing.MISSING]:
        """The value if it is there, fresh or within its grace."""
        entry = self._entries.get(key)
        if entry is None or not self._survives(key, entry) or self._drop_if_gone(key, entry, self._now()):
            return MISSING
        return entry.value

    def put(self, key: str, value: V, ttl: float, grace: float = 0.0) -> None:
        """Keep a value fresh for `ttl` seconds, and as a last resort for `grace` seconds more."""
        expires_at = self._now() + ttl
        self._entries[key] = _Entry(value, expires_at, expires_at + grace, self._epoch)
        self._entries.move_to_end(key)
        if len(self._entries) > self.capacity:
            self._entries.popitem(last=False)
            self.counters.evictions += 1

    def revive(self, key: str, ttl: float) -> None:
        """Call an expired value fresh for `ttl` seconds more, as far as its grace allows."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.expires_at = min(self._now() + ttl, entry.gone_at)

    def discard(self, key: str) -> None:
        """Forget one key."""
        if self._entries.pop(key, None) is not None:
            self.counters.invalidations += 1

    def discard_level(self, level: str) -> None:
        """Forget every key of a level, in constant time."""
        if level == "":
            self.clear()
            return
        self._epoch += 1
        self._tombstones[level] = self._epoch
        if len(self._tombstones) > MAX_TOMBSTONES:
            self._bury()

    def clear(self) -> None:
        """Forget everything."""
        self.counters.invalidations += len(self._entries)
        self._entries.clear()
        self._tombstones.clear()

    def _bury(self) -> None:
        for key, entry in list(self._entries.items()):
            self._survives(key, entry)
        self._tombstones.clear()

    def _survives(self, key: str, entry: _Entry[V]) -> bool:
        """Check an entry against the levels forgotten since its last check; drop it if it lies in one."""
        tombstones = self._tombstones
        if any(tombstones.get(level, 0) > entry.epoch for level in levels(key)):
            self.discard(key)
            return False
        entry.epoch = self._epoch
        return True

    def _drop_if_gone(self, key: str, entry: _Entry[V], now: float) -> bool:
        if now < entry.gone_at:
            return False
        del self._entries[key]
        self.counters.expirations += 1
        return True
