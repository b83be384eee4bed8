"""The multi-layer cache: process memory, then Redis, then the source."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Generic, Literal, TypeVar

from services.kit.cache.backplane import Backplane, Link
from services.kit.cache.codec import Codec, Envelope, Msgpack
from services.kit.cache.fences import Fence, Fences
from services.kit.cache.flights import Flights
from services.kit.cache.guard import Guard
from services.kit.cache.keys import Pattern, parse_pattern
from services.kit.cache.local import MISSING, LocalStore, LruStore, Missing
from services.kit.cache.options import CacheOptions
from services.kit.cache.redis_shared import RedisShared
from services.kit.cache.second_layer import Answer, NoSecondLayer, SecondLayer
from services.kit.cache.shared import Lease, SharedStore
from services.kit.cache.statistics import CacheStatistics
from services.kit.clock import Clock, SystemClock
from services.kit.errors import DeadlineExceeded
from services.kit.store import Store

V = TypeVar("V")

Populate = Callable[[], Awaitable[V | None]]


class Cache(Generic[V]):
    """Values by key, from the nearest layer that has them.

    What is promised: an invalidation is never undone by a load that began before it; one process asks the source once,
    however many callers miss at once, and so does the whole cluster as far as Redis can be reached; with Redis or NATS
    away, reads go on from process memory and the source.
    """

    def __init__(
        self,
        name: str,
        *,
        shared: SharedStore | None = None,
        options: CacheOptions | None = None,
        codec: Codec[V] | None = None,
        local: LocalStore[V | None] | None = None,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._options = options or CacheOptions()
        clock = clock or SystemClock()
        self._local = local or LruStore(self._options.capacity, clock.monotonic)
        self._second: SecondLayer[V] | NoSecondLayer[V] = NoSecondLayer()
        if shared is not None:
            envelope = Envelope(codec or Msgpack[V](), self._options.schema)
            guard = Guard(shared, name, clock)
            self._second = SecondLayer(guard, envelope, patience=self._options.patience, clock=clock)
        self._fences = Fences()
        self._loads: Flights[V | None] = Flights(self._fences)
        self._peeks: Flights[V | None] = Flights(self._fences)
        self._backplane: Backplane | None = None
        self._chance = chance
        self._load_count = 0
        self._load_errors = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        name: str,
        *,
        store: Store | None = None,
        bus: Link | None = None,
        replica: str = "",
        options: CacheOptions | None = None,
        codec: Codec[V] | None = None,
        clock: Clock | None = None,
    ) -> AsyncIterator["Cache[V]"]:
        """A cache over Redis and NATS. `name` is unique in the suite; processes that share it share its values."""
        options = options or CacheOptions()
        shared = _redis_shared(store, name, options) if store else None
        cache = cls(name, shared=shared, options=options, codec=codec, clock=clock)
        async with cache.linked(bus, replica) if bus else nullcontext():
            try:
                yield cache
            finally:
                await cache.stop()

    @asynccontextmanager
    async def linked(self, bus: Link, replica: str) -> AsyncIterator[None]:
        """Tell other processes what to forget, and hear it from them, for the length of the block."""
        self._backplane = Backplane(bus, self.name, replica, self._forget_here)
        async with self._backplane.listening():
            yield

    def get_local(self, key: str) -> V | Literal[Missing.MISSING] | None:
        """The value if this process holds it fresh, at once; else MISSING. None: known not to exist."""
        return self._local.get(key)

    async def get(
        self, key: str, populate_callback: Populate[V] | None = None, *, ttl: float | None = None
    ) -> V | None:
        """The value, from the nearest layer; `populate_callback` asks the source. None: there is none.

        Raises what the source raises, unless an expired value within its grace can stand in; DeadlineExceeded when the
        source takes longer than `load_timeout`, or the caller's own deadline is over first: the load then goes on.
        """
        value = self._local.get(key)
        if value is not MISSING:
            return value
        if populate_callback is None:
            return await self._peeks.join(key, self._peek)
        populate = populate_callback
        return await self._loads.join(key, lambda fence: self._load(fence, populate, ttl))

    async def set(self, key: str, value: V | None, *, ttl: float | None = None) -> None:
        """Store a value in all layers; other processes forget theirs. `ttl` in seconds."""
        life = self._life(value, ttl)
        fence = Fence(key)
        with self._fences.watch(fence):
            await self._second.put(key, value, life)
            self._fences.cut(key, but=fence)  # what began before this may have read the old value
            self._local.discard(key)
            self._keep(fence, value, life)
        await self._announce(Pattern(key=key))

    async def delete(self, key: str) -> None:
        """Forget one key everywhere."""
        await self._forget_everywhere(Pattern(key=key))

    async def invalidate_pattern(self, pattern: str) -> None:
        """Forget `user:123`, or every key that begins as `user:*` says, everywhere, however many there are.

        Raises InvalidInput for other globs. A prefix that ends inside a word forgets the whole level around it.
        """
        await self._forget_everywhere(parse_pattern(pattern))

    def statistics(self) -> CacheStatistics:
        """What happened so far."""
        local = self._local.counters
        return CacheStatistics(
            name=self.name,
            l1_hits=local.hits,
            l1_misses=local.misses,
            l2_hits=self._second.hits,
            l2_misses=self._second.misses,
            l2_errors=self._second.errors,
            loads=self._load_count,
            load_errors=self._load_errors,
            coalesced=self._loads.coalesced + self._peeks.coalesced,
            evictions=local.evictions,
            expirations=local.expirations,
            invalidations=local.invalidations,
            entries=len(self._local),
            capacity=self._local.capacity,
        )

    async def stop(self) -> None:
        """Cancel the loads under way."""
        await self._loads.stop()
        await self._peeks.stop()

    async def _peek(self, fence: Fence) -> V | None:
        answer = await self._second.peek(fence.key)
        if not answer.fresh or answer.value is MISSING:
            return None
        self._keep(fence, answer.value, answer.ttl)
        return answer.value

    async def _load(self, fence: Fence, populate: Populate[V], ttl: float | None) -> V | None:
        answer = await self._second.seek(fence.key)
        if answer.fresh and answer.value is not MISSING:
            self._keep(fence, answer.value, answer.ttl)
            return answer.value
        try:
            value = await self._ask_source(populate)
        except Exception:
            if answer.lease is not None:
                await self._second.release(answer.lease)
            stand_in = self._stand_in(fence, answer)
            if stand_in is MISSING:
                raise
            return stand_in
        await self._store(fence, answer.lease, value, self._life(value, ttl) * self._jitter())
        return value

    async def _ask_source(self, populate: Populate[V]) -> V | None:
        self._load_count += 1
        try:
            async with asyncio.timeout(self._options.load_timeout):
                return await populate()
        except TimeoutError as error:
            self._load_errors += 1
            raise DeadlineExceeded("the source did not answer in time") from error
        except Exception:
            self._load_errors += 1
            raise

    async def _store(self, fence: Fence, lease: Lease | None, value: V | None, life: float) -> None:
        if not fence.intact:  # invalidated meanwhile: good for those who asked before, not to be kept
            if lease is not None:
                await self._second.release(lease)
            return
        if lease is None or await self._second.fill(lease, value, life):
            self._keep(fence, value, life)

    def _stand_in(self, fence: Fence, answer: Answer[V]) -> V | Literal[Missing.MISSING] | None:
        """An expired value to serve while the source fails, fresh for a short while so that the source gets a rest."""
        pause = self._options.retry_pause
        value = self._local.stale(fence.key)
        if value is not MISSING:
            self._local.revive(fence.key, pause)
        elif answer.value is not MISSING and fence.intact:
            value, left = answer.value, self._options.grace + answer.ttl
            self._local.put(fence.key, value, min(pause, left), max(0.0, left - pause))
        return value

    def _keep(self, fence: Fence, value: V | None, life: float) -> None:
        """Hold a value in process memory, unless it was invalidated since its fence went up."""
        if not fence.intact:
            return
        ttl = min(life, self._options.local_ttl * self._jitter())
        grace = 0.0 if value is None else self._options.grace
        self._local.put(fence.key, value, ttl, life - ttl + grace)

    def _life(self, value: V | None, ttl: float | None) -> float:
        if value is None:
            return self._options.negative_ttl
        return self._options.ttl if ttl is None else ttl

    def _jitter(self) -> float:
        return 1 - self._options.jitter * self._chance()

    async def _forget_everywhere(self, pattern: Pattern) -> None:
        try:
            await self._second.forget(pattern)
        finally:  # after Redis, or a read in between would bring the old value back
            self._forget_here(pattern)
        await self._announce(pattern)

    def _forget_here(self, pattern: Pattern) -> None:
        if pattern.key is not None:
            self._fences.cut(pattern.key)
            self._local.discard(pattern.key)
        else:
            self._fences.cut_prefix(pattern.level)
            self._local.discard_level(pattern.level)

    async def _announce(self, pattern: Pattern) -> None:
        if self._backplane is not None:
            await self._backplane.announce(pattern)


def _redis_shared(store: Store, name: str, options: CacheOptions) -> RedisShared:
    return RedisShared(
        store,
        name,
        lease_seconds=options.load_timeout + options.patience,  # the holder has given up by then
        grace=options.grace,
        timeout=options.shared_timeout,
    )
