"""Invalidation in the second layers of all caches: at once by generations, and the memory given back by and by."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import redis.exceptions

from services.kit.cache import lua
from services.kit.cache.batch import Batch
from services.kit.cache.keys import Pattern
from services.kit.cache.redis_shared import REGISTRY, KeySpace, RedisShared, cache_of
from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.kit.store import AWAY, Store

SCAN_COUNT = 500  # keys that Redis looks at in one step: about 0.1 ms of its time
PAUSE = 0.002  # seconds between steps, in which Redis serves others
PATIENCE = 1.0  # seconds that a caller waits for the count of what was removed
MAX_WAITING = 100  # sweeps; beyond that, forgotten entries stay until their time is over
TIMEOUT = 1.0  # seconds for one trip to Redis


@dataclass
class _Sweep:
    """Entries of one level to remove, as far as they are older than the generations of their caches."""

    level: str
    generations: dict[str, str]
    removed: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Invalidator:
    """Forgets in every cache. `run` removes in the background what was forgotten."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._batch = Batch(store, timeout=TIMEOUT)
        self._caches: dict[str, RedisShared] = {}
        self._sweeps: asyncio.Queue[_Sweep] = asyncio.Queue(MAX_WAITING)

    async def forget(self, pattern: Pattern, names: Iterable[str]) -> int:
        """Forget in the caches called `names` and in all that ever used this Redis.

        Returns how many entries were removed within a second. Raises Unavailable when Redis is away.
        """
        known = sorted({*names, *await self._registered()})
        if pattern.key is not None:
            key = pattern.key
            return sum(await asyncio.gather(*(self._cache(name).delete(key) for name in known)))
        stamps = await asyncio.gather(*(self._cache(name).discard_level(pattern.level) for name in known))
        return await self._swept(_Sweep(pattern.level, dict(zip(known, stamps, strict=True))))

    async def run(self) -> None:
        """Remove forgotten entries, one sweep after another, until cancelled."""
        while True:
            sweep = await self._sweeps.get()
            try:
                await self._sweep(sweep)
            finally:
                sweep.done.set()

    async def _swept(self, sweep: _Sweep) -> int:
        try:
            self._sweeps.put_nowait(sweep)
            async with asyncio.timeout(PATIENCE):
                await sweep.done.wait()
        except (asyncio.QueueFull, TimeoutError):
            pass
        return sweep.removed

    async def _sweep(self, sweep: _Sweep) -> None:
        cursor, match = 0, f"{KeySpace('*').entry(sweep.level)}*"
        while True:
            try:
                cursor, keys = await self._store.client.scan(cursor, match=match, count=SCAN_COUNT)
                sweep.removed += await self._remove([_text(key) for key in keys], sweep)
            except (*AWAY, redis.exceptions.RedisError, Unavailable):
                return  # the entries are dead already; their time will take them
            if cursor == 0:
                return
            await self._clock.sleep(PAUSE)

    async def _remove(self, keys: list[str], sweep: _Sweep) -> int:
        by_cache: dict[str, list[str]] = {}
        for key in keys:
            by_cache.setdefault(cache_of(key), []).append(key)
        removed = 0
        for name, found in by_cache.items():
            if name not in sweep.generations:  # a cache that nobody had told of
                sweep.generations[name] = await self._cache(name).discard_level(sweep.level)
            removed += int(await self._batch.run(lua.SWEEP, found, [sweep.generations[name]]))
        return removed

    async def _registered(self) -> list[str]:
        try:
            return [_text(name) for name in await self._store.client.smembers(REGISTRY)]
        except (*AWAY, redis.exceptions.RedisError) as error:
            raise Unavailable("Redis is away") from error

    def _cache(self, name: str) -> RedisShared:
        if name not in self._caches:
            self._caches[name] = RedisShared(self._store, name, lease_seconds=1, grace=0, timeout=TIMEOUT)
        return self._caches[name]


def _text(data: bytes | str) -> str:
    return data.decode() if isinstance(data, bytes) else data
