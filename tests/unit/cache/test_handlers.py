"""The RPCs of CacheService, with Redis and NATS faked."""

import pytest
from cryptovault.cache.v1.cache_service_pb2 import GetStatsRequest, InvalidateRequest
from cryptovault.cache.v1.stats_pb2 import CacheStats, RedisStats
from cryptovault.events.v1.events_pb2 import CacheInvalidation, ServiceStats

from services.cache.domain import Reports
from services.cache.handlers import CacheHandlers
from services.kit.cache.keys import Pattern
from services.kit.caller import Caller
from services.kit.errors import InvalidInput, PermissionDenied, Unauthenticated, Unavailable
from services.kit.testing import FakeBus, FakeClock

ADMIN = Caller(user_id="root", scopes=frozenset({"admin"}))


class FakeLayers:
    def __init__(self) -> None:
        self.forgotten: list[tuple[Pattern, set[str]]] = []
        self.away = False

    async def forget(self, pattern: Pattern, names: set[str]) -> int:
        if self.away:
            raise Unavailable("Redis is away")
        self.forgotten.append((pattern, names))
        return 7

    async def stats(self) -> RedisStats:
        if self.away:
            raise Unavailable("Redis is away")
        return RedisStats(keys=3)


class FakeContext:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def invocation_metadata(self):
        return self._caller.to_metadata()


class Stage:
    def __init__(self) -> None:
        self.layers, self.bus, self.clock = FakeLayers(), FakeBus(), FakeClock()
        self.handlers = CacheHandlers(Reports(), self.layers, self.layers.stats, self.bus, self.clock, origin="cache-1")

    async def open(self) -> "Stage":
        await self.bus.subscribe("cv.stats.*", self.handlers.heard)
        cache = CacheStats(name="latest", service="prices", replica="p1", l1_hits=3, l1_misses=1)
        await self.bus.publish("cv.stats.prices", ServiceStats(service="prices", replica="p1", caches=[cache]))
        self.bus.published.clear()
        return self

    async def invalidate(self, pattern: str, caller: Caller = ADMIN):
        return await self.handlers.Invalidate(InvalidateRequest(pattern=pattern), FakeContext(caller))

    async def stats(self):
        return await self.handlers.GetStats(GetStatsRequest(), FakeContext(Caller()))


@pytest.fixture
async def stage():
    return await Stage().open()


async def test_the_statistics_hold_every_cache_their_sum_and_redis(stage):
    answer = await stage.stats()
    assert [cache.name for cache in answer.caches] == ["latest"]
    assert answer.total.l1_hit_rate == 0.75
    assert answer.redis.keys == 3


async def test_without_redis_its_figures_are_absent_and_the_rest_is_there(stage):
    stage.layers.away = True
    answer = await stage.stats()
    assert not answer.HasField("redis")
    assert len(answer.caches) == 1


async def test_an_invalidation_is_done_in_redis_and_told_to_every_process(stage):
    answer = await stage.invalidate("user:*")
    assert answer.removed == 7
    assert stage.layers.forgotten == [(Pattern(key=None, prefix="user:"), {"latest"})]
    message = CacheInvalidation.FromString(stage.bus.published[0].data)
    assert (stage.bus.published[0].subject, message.cache, message.origin) == ("cv.cache.invalidate", "", "cache-1")
    assert list(message.patterns) == ["user:*"]


async def test_a_single_key_is_told_as_a_key(stage):
    await stage.invalidate("user:1")
    assert list(CacheInvalidation.FromString(stage.bus.published[0].data).keys) == ["user:1"]


@pytest.mark.parametrize("pattern", ["", "*:1", "user:?"])
async def test_a_bad_pattern_is_refused_and_nothing_happens(stage, pattern):
    with pytest.raises(InvalidInput):
        await stage.invalidate(pattern)
    assert stage.layers.forgotten == []
    assert stage.bus.published == []


async def test_only_an_admin_may_invalidate(stage):
    with pytest.raises(Unauthenticated):
        await stage.invalidate("*", Caller())
    with pytest.raises(PermissionDenied):
        await stage.invalidate("*", Caller(user_id="ada"))
    assert stage.layers.forgotten == []


@pytest.mark.parametrize("missing", ["redis", "nats"])
async def test_what_cannot_be_done_everywhere_is_not_called_done(stage, missing):
    stage.layers.away = missing == "redis"
    stage.bus.connected = missing != "nats"
    with pytest.raises(Unavailable):
        await stage.invalidate("user:*")
