"""The second layer on Redis or Valkey. Each method is one round trip."""

import itertools
import secrets

from services.kit.cache import lua
from services.kit.cache.batch import Batch
from services.kit.cache.keys import levels
from services.kit.cache.shared import Lease, Lookup
from services.kit.store import Store, Value

GENERATION_SECONDS = 2 * 24 * 3600  # outlives every entry
MAX_TTL = 24 * 3600.0  # seconds
REGISTRY = "cv:caches"  # the set of all caches' names, for those who invalidate in all of them


class KeySpace:
    """Where a cache keeps what in Redis. The braces make all of it one hash slot."""

    def __init__(self, name: str) -> None:
        self._root = f"cv:cache:{{{name}}}"
        self.clock = f"{self._root}:clock"

    def entry(self, key: str) -> str:
        """Where the value of a key is."""
        return f"{self._root}:entry:{key}"

    def lease(self, key: str) -> str:
        """Where the right to fill a key is."""
        return f"{self._root}:lease:{key}"

    def generation(self, level: str) -> str:
        """Where the generation of a level is."""
        return f"{self._root}:level:{level}"

    def generations(self, key: str) -> list[str]:
        """Where the generations of all levels of a key are."""
        return [self.generation(level) for level in levels(key)]


def cache_of(place: str) -> str:
    """The name of the cache that a place in Redis belongs to."""
    return place[place.index("{") + 1 : place.index("}")]


class RedisShared:
    """A SharedStore in Redis, for the cache called `name`.

    lease_seconds: after this the right to fill passes on, should its holder have died.
    grace: seconds that entries are kept beyond their time to live.
    timeout: seconds until Redis counts as away.
    """

    def __init__(self, store: Store, name: str, *, lease_seconds: float, grace: float, timeout: float = 0.05) -> None:
        self._name = name
        self._registered = False
        self._space = KeySpace(name)
        self._lease_ms = _milliseconds(lease_seconds)
        self._grace = grace
        self._tokens = itertools.count()
        self._holder = secrets.token_hex(8)
        self._batch = Batch(store, timeout=timeout)

    async def peek(self, key: str) -> Lookup:
        """Look without asking for a lease."""
        data, left = await self._batch.run(lua.PEEK, [self._space.entry(key), *self._space.generations(key)])
        return Lookup(data, self._ttl(left), None)

    async def lookup(self, key: str, *, steal: bool = False) -> Lookup:
        """Look, and take the lease when there is no fresh value; `steal` takes it from another process."""
        token = f"{self._holder}.{next(self._tokens)}"
        arguments: list[Value] = [token, self._lease_ms, _milliseconds(self._grace), int(steal)]
        data, left, mark = await self._batch.run(lua.LOOKUP, self._keys(key), arguments)
        lease = None if mark is None else Lease(key, token, mark.decode())
        return Lookup(data, self._ttl(left), lease)

    async def fill(self, lease: Lease, data: bytes, ttl: float) -> bool:
        """Store what was loaded under a lease and end it. False when the lease or the generation has passed on."""
        await self._register()
        arguments: list[Value] = [lease.token, lease.generation, data, self._keep_ms(ttl)]
        return bool(await self._batch.run(lua.FILL, self._keys(lease.key), arguments))

    async def release(self, lease: Lease) -> None:
        """End a lease without a fill."""
        await self._batch.run(lua.RELEASE, [self._space.lease(lease.key)], [lease.token, lease.generation])

    async def put(self, key: str, data: bytes, ttl: float) -> None:
        """Store a value; voids any lease on the key."""
        await self._register()
        await self._batch.run(lua.PUT, self._keys(key), [data, self._keep_ms(ttl)])

    async def delete(self, key: str) -> int:
        """Forget one key and void any lease on it. Returns how many values there were: 0 or 1."""
        return int(await self._batch.run(lua.DELETE, [self._space.entry(key), self._space.lease(key)]))

    async def discard_level(self, level: str) -> str:
        """Forget every key of a level in constant time, and void the leases on them. Returns the new generation."""
        keys = [self._space.generation(level), self._space.clock]
        generation: bytes = await self._batch.run(lua.DISCARD_LEVEL, keys, [GENERATION_SECONDS])
        return generation.decode()

    def _keys(self, key: str) -> list[str]:
        return [self._space.entry(key), self._space.lease(key), *self._space.generations(key)]

    def _ttl(self, left_ms: int) -> float:
        return left_ms / 1000 - self._grace

    def _keep_ms(self, ttl: float) -> int:
        return _milliseconds(min(ttl, MAX_TTL) + self._grace)

    async def _register(self) -> None:
        if not self._registered:
            await self._batch.run(lua.REGISTER, [REGISTRY], [self._name])
            self._registered = True


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
