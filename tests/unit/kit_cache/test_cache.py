"""What a cache promises its users, one process at a time."""

import asyncio

import pytest

from services.kit import deadline
from services.kit.cache import MISSING, Cache, CacheOptions
from services.kit.cache.testing import MemoryShared
from services.kit.errors import DeadlineExceeded
from services.kit.testing import FakeClock

OPTIONS = CacheOptions(jitter=0.0)


class Source:
    """A source that counts how often it is asked and waits for the test where it is told to."""

    def __init__(self, value: object = "value") -> None:
        self.value = value
        self.asked = 0
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.reading = asyncio.Event()

    async def __call__(self):
        self.asked += 1
        value = self.value
        self.reading.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return value


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def shared(clock):
    return MemoryShared(clock)


@pytest.fixture
def cache(clock, shared):
    return Cache("test", shared=shared, options=OPTIONS, clock=clock)


async def test_a_miss_asks_the_source_and_the_next_read_does_not(cache):
    source = Source()
    assert await cache.get("user:1", populate_callback=source) == "value"
    assert await cache.get("user:1", populate_callback=source) == "value"
    assert source.asked == 1
    assert cache.get_local("user:1") == "value"


async def test_without_a_callback_a_miss_is_none(cache):
    assert await cache.get("user:1") is None
    assert cache.get_local("user:1") is MISSING


async def test_what_one_process_loaded_another_finds_in_redis(cache, clock, shared):
    other = Cache("test", shared=shared, options=OPTIONS, clock=clock)
    source = Source()
    await cache.get("user:1", populate_callback=source)
    assert await other.get("user:1", populate_callback=source) == "value"
    assert source.asked == 1
    assert other.statistics().l2_hits == 1


async def test_a_value_leaves_process_memory_before_it_leaves_redis(cache, clock):
    source = Source()
    await cache.get("a", populate_callback=source)
    clock.advance(61)
    assert cache.get_local("a") is MISSING
    assert await cache.get("a", populate_callback=source) == "value"
    assert source.asked == 1


async def test_a_set_value_lives_as_long_as_it_says(cache, clock):
    await cache.set("price:btc", 50000, ttl=60)
    assert await cache.get("price:btc") == 50000
    clock.advance(60)
    assert await cache.get("price:btc") is None


async def test_ten_thousand_misses_at_once_are_one_load(cache):
    source = Source()
    values = await asyncio.gather(*(cache.get("a", populate_callback=source) for _ in range(10_000)))
    assert set(values) == {"value"}
    assert source.asked == 1
    assert cache.statistics().coalesced == 9_999


async def test_a_cancelled_first_caller_leaves_the_load_to_the_others(cache):
    source = Source()
    source.gate = asyncio.Event()
    first = asyncio.create_task(cache.get("a", populate_callback=source))
    second = asyncio.create_task(cache.get("a", populate_callback=source))
    await source.reading.wait()
    first.cancel()
    source.gate.set()
    assert await second == "value"
    assert source.asked == 1


async def test_who_comes_after_an_invalidation_does_not_join_a_load_from_before_it(cache):
    source = Source("old")
    source.gate = asyncio.Event()
    before = asyncio.create_task(cache.get("user:1", populate_callback=source))
    await source.reading.wait()
    await cache.invalidate_pattern("user:*")
    source.value = "new"
    after = asyncio.create_task(cache.get("user:1", populate_callback=source))
    await asyncio.sleep(0)
    source.gate.set()
    assert (await before, await after) == ("old", "new")
    assert cache.get_local("user:1") == "new"


async def test_a_load_goes_on_when_the_caller_who_began_it_has_no_time_left(cache):
    source = Source()
    source.gate = asyncio.Event()
    with deadline.within(0.02), pytest.raises(DeadlineExceeded):
        await cache.get("a", populate_callback=source)
    patient = asyncio.create_task(cache.get("a", populate_callback=source))
    await asyncio.sleep(0)
    source.gate.set()
    assert await patient == "value"
    assert source.asked == 1


async def test_a_load_has_no_deadline_even_while_one_caller_only_waits(cache):
    async def source():
        return deadline.left()

    with deadline.within(60):
        assert await cache.get("a", populate_callback=source) is None
    assert cache.get_local("a") is None


async def test_a_caller_without_time_gets_what_is_at_hand_and_begins_no_load(cache):
    source = Source()
    await cache.set("a", "value")
    with deadline.within(0):
        assert await cache.get("a", populate_callback=source) == "value"
        with pytest.raises(DeadlineExceeded):
            await cache.get("b", populate_callback=source)
    assert source.asked == 0


async def test_a_failure_of_the_source_reaches_every_caller_and_is_not_kept(cache):
    source = Source()
    source.failure = RuntimeError("broken")
    results = await asyncio.gather(
        *(cache.get("a", populate_callback=source) for _ in range(3)), return_exceptions=True
    )
    assert [str(result) for result in results] == ["broken"] * 3
    source.failure = None
    assert await cache.get("a", populate_callback=source) == "value"
    assert cache.statistics().load_errors == 1


async def test_a_source_that_takes_too_long_is_given_up():
    cache = Cache("test", options=CacheOptions(load_timeout=0.01))
    source = Source()
    source.gate = asyncio.Event()
    with pytest.raises(DeadlineExceeded):
        await cache.get("a", populate_callback=source)


async def test_that_there_is_nothing_is_remembered_for_a_short_while(cache, clock):
    source = Source(value=None)
    assert await cache.get("a", populate_callback=source) is None
    assert cache.get_local("a") is None
    clock.advance(OPTIONS.negative_ttl)
    source.value = "value"
    assert await cache.get("a", populate_callback=source) == "value"


async def test_lives_are_shortened_by_chance_so_that_entries_do_not_die_together(clock):
    cache = Cache("test", options=CacheOptions(jitter=0.5), clock=clock, chance=lambda: 1.0)
    await cache.get("a", populate_callback=Source())
    clock.advance(30)
    assert cache.get_local("a") is MISSING


async def test_an_expired_value_stands_in_for_a_failing_source(clock, shared):
    shared.grace = 600
    cache = Cache("test", shared=shared, options=CacheOptions(jitter=0.0, grace=600), clock=clock)
    source = Source()
    await cache.get("a", populate_callback=source)
    clock.advance(301)
    source.failure = RuntimeError("broken")
    assert await cache.get("a", populate_callback=source) == "value"
    assert await cache.get("a", populate_callback=source) == "value"
    assert source.asked == 2, "the source gets a rest"
    clock.advance(600)
    with pytest.raises(RuntimeError):
        await cache.get("a", populate_callback=source)


async def test_a_stand_in_may_come_from_redis(clock, shared):
    shared.grace = 600
    options = CacheOptions(jitter=0.0, grace=600)
    source = Source()
    await Cache("test", shared=shared, options=options, clock=clock).get("a", populate_callback=source)
    clock.advance(301)
    source.failure = RuntimeError("broken")
    other = Cache("test", shared=shared, options=options, clock=clock)
    assert await other.get("a", populate_callback=source) == "value"


async def test_an_invalidated_value_never_stands_in(clock, shared):
    shared.grace = 600
    cache = Cache("test", shared=shared, options=CacheOptions(jitter=0.0, grace=600), clock=clock)
    source = Source()
    await cache.get("user:1", populate_callback=source)
    await cache.invalidate_pattern("user:*")
    source.failure = RuntimeError("broken")
    with pytest.raises(RuntimeError):
        await cache.get("user:1", populate_callback=source)


async def test_with_redis_away_memory_and_the_source_go_on(cache, shared):
    shared.away = True
    source = Source()
    assert [await cache.get("a", populate_callback=source) for _ in range(2)] == ["value"] * 2
    assert source.asked == 1
    assert cache.statistics().l2_errors == 1


async def test_a_redis_that_keeps_failing_is_not_asked_for_a_while(cache, clock, shared):
    shared.away = True
    for number in range(100):
        await cache.get(f"a:{number}", populate_callback=Source())
    assert cache.statistics().l2_errors < 10
    shared.away = False
    clock.advance(1.0)
    await cache.get("b", populate_callback=Source())
    assert "b" in shared.entries


async def test_what_was_invalidated_while_redis_was_away_is_not_found_again(cache, shared):
    source = Source("old")
    await cache.get("user:1", populate_callback=source)
    shared.away = True
    await cache.invalidate_pattern("user:*")
    source.value = "new"
    shared.away = False
    assert await cache.get("user:1", populate_callback=source) == "new"


async def test_what_was_set_while_redis_was_away_is_not_undone_by_it(cache, clock, shared):
    await cache.set("a", "old")
    shared.away = True
    await cache.set("a", "new")
    shared.away = False
    clock.advance(61)
    assert await cache.get("a", populate_callback=Source("new")) == "new"


async def test_what_cannot_be_read_is_loaded_again_and_replaced(clock, shared):
    old = Cache("test", shared=shared, options=CacheOptions(schema=1), clock=clock)
    new = Cache("test", shared=shared, options=CacheOptions(schema=2), clock=clock)
    await old.set("a", "old form")
    assert await new.get("a", populate_callback=Source("new form")) == "new form"
    other = Cache("test", shared=shared, options=CacheOptions(schema=2), clock=clock)
    assert await other.get("a") == "new form"


async def test_statistics_add_up(cache):
    source = Source()
    await cache.get("a", populate_callback=source)
    for _ in range(3):
        await cache.get("a", populate_callback=source)
    statistics = cache.statistics()
    assert (statistics.l1_hits, statistics.l1_misses, statistics.l2_misses, statistics.loads) == (3, 1, 1, 1)
    assert statistics.l1_hit_rate == 0.75
    assert statistics.to_proto().l1_hit_rate == 0.75
