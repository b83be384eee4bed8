"""The cache on a real Valkey."""

import asyncio
import uuid

import pytest

from services.cache.adapters.invalidator import Invalidator
from services.cache.adapters.redis_info import redis_stats
from services.kit import deadline
from services.kit.bus import Bus
from services.kit.cache import MISSING, Cache, CacheOptions
from services.kit.cache.keys import parse_pattern
from services.kit.cache.operations import RedisOperations
from services.kit.cache.redis_shared import REGISTRY, RedisShared
from services.kit.clock import SystemClock
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.store import Store
from services.kit.testing import free_port

RELAXED = CacheOptions(shared_timeout=5.0)  # the machines that run the tests may be slow


@pytest.fixture
async def store(valkey_url):
    async with Store.open(valkey_url) as store:
        yield store


@pytest.fixture
def name():
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def shared(store, name):
    return RedisShared(store, name, lease_seconds=10, grace=0, timeout=5)


class Source:
    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> dict[str, int]:
        self.asked += 1
        await asyncio.sleep(0.1)
        return {"asked": self.asked}


async def test_one_filler_gets_the_lease_and_its_fill_is_found(shared):
    first, second = await shared.lookup("user:1"), await shared.lookup("user:1")
    assert first.lease is not None
    assert second.lease is None
    assert await shared.fill(first.lease, b"value", 60)
    found = await shared.lookup("user:1")
    assert (found.data, found.lease) == (b"value", None)
    assert 59 < found.ttl <= 60


@pytest.mark.parametrize("level", ["", "user:", "user:1:"])
async def test_a_fill_is_void_once_any_level_of_its_key_was_forgotten(shared, level):
    lookup = await shared.lookup("user:1:orders")
    await shared.discard_level(level)
    assert lookup.lease is not None
    assert not await shared.fill(lookup.lease, b"old", 60)
    assert (await shared.peek("user:1:orders")).data is None


async def test_a_fill_is_void_after_a_delete_a_set_or_a_theft(shared):
    for overtake in (shared.delete("a"), shared.put("a", b"new", 60), shared.lookup("a", steal=True)):
        await shared.delete("a")
        lookup = await shared.lookup("a")
        await overtake
        assert lookup.lease is not None
        assert not await shared.fill(lookup.lease, b"old", 60)


async def test_after_an_invalidation_the_next_caller_need_not_wait_for_the_old_filler(shared):
    await shared.lookup("user:1")
    await shared.discard_level("user:")
    assert (await shared.lookup("user:1")).lease is not None


async def test_a_released_lease_is_free_and_a_lapsed_one_too(store, name):
    shared = RedisShared(store, name, lease_seconds=0.05, grace=0, timeout=5)
    lookup = await shared.lookup("a")
    assert lookup.lease is not None
    await shared.release(lookup.lease)
    assert (await shared.lookup("a")).lease is not None
    await asyncio.sleep(0.1)
    assert (await shared.lookup("a")).lease is not None


async def test_a_level_of_many_keys_is_forgotten_at_once_and_others_stay(shared):
    await asyncio.gather(*(shared.put(f"user:{number}", b"x", 60) for number in range(500)))
    await shared.put("price:btc", b"y", 60)
    await shared.discard_level("user:")
    assert (await shared.peek("user:77")).data is None
    assert (await shared.peek("price:btc")).data == b"y"


async def test_a_value_within_its_grace_is_given_with_the_lease(store, name):
    shared = RedisShared(store, name, lease_seconds=10, grace=60, timeout=5)
    await shared.put("a", b"value", 0.05)
    await asyncio.sleep(0.1)
    lookup = await shared.lookup("a")
    assert (lookup.data, lookup.fresh) == (b"value", False)
    assert lookup.lease is not None


async def test_a_cluster_asks_the_source_once(valkey_url, name):
    source = Source()
    async with Store.open(valkey_url) as one, Store.open(valkey_url) as two, Store.open(valkey_url) as three:
        caches = [
            Cache(name, shared=RedisShared(store, name, lease_seconds=10, grace=0, timeout=5), options=RELAXED)
            for store in (one, two, three)
        ]
        answers = await asyncio.gather(*(cache.get("a", populate_callback=source) for cache in caches * 300))
    assert source.asked == 1
    assert all(answer == {"asked": 1} for answer in answers)


async def test_an_invalidation_reaches_another_process_over_nats(store, nats_url, name):
    async with Bus.open(nats_url, "one") as one, Bus.open(nats_url, "two") as two:
        while not (one.connected and two.connected):
            await asyncio.sleep(0.02)
        async with (
            Cache[str].open(name, store=store, bus=one, replica="one", options=RELAXED) as here,
            Cache[str].open(name, store=store, bus=two, replica="two", options=RELAXED) as there,
        ):
            await one.client.flush()
            await two.client.flush()
            await here.set("user:1", "value")
            assert await there.get("user:1") == "value"
            await here.invalidate_pattern("user:*")
            async with asyncio.timeout(5):
                while there.get_local("user:1") is not MISSING:
                    await asyncio.sleep(0.005)
            assert await there.get("user:1") is None


async def test_with_redis_away_a_read_costs_little_and_works(name):
    async with (
        Store.open(f"redis://127.0.0.1:{free_port()}/0") as store,
        Cache[dict[str, int]].open(name, store=store) as cache,
    ):
        async with asyncio.timeout(5):
            values = [await cache.get(f"user:{number}", populate_callback=Source()) for number in range(10)]
    assert values == [{"asked": 1}] * 10
    assert cache.statistics().l2_errors >= 5


async def test_a_redis_that_hangs_holds_nobody_up(store, name):
    async with Cache[dict[str, int]].open(name, store=store, options=CacheOptions(shared_timeout=0.1)) as cache:
        await store.client.execute_command("CLIENT", "PAUSE", 1000)
        async with asyncio.timeout(0.8):
            assert await cache.get("a", populate_callback=Source()) == {"asked": 1}
    await asyncio.sleep(0.5)  # the pause ends before the next test


async def test_a_redis_that_forgot_everything_is_taught_the_scripts_again(store, shared):
    await shared.put("a", b"value", 60)
    await store.client.script_flush()
    assert (await shared.peek("a")).data == b"value"


async def test_get_or_set_stores_once(store, name):
    operations = RedisOperations(store)
    answers = await asyncio.gather(*(operations.get_or_set_atomic(name, number, ttl=60) for number in range(20)))
    assert len(set(answers)) == 1
    assert 59 <= await store.client.ttl(name) <= 60


async def test_a_counter_starts_anew_when_its_time_is_over(store, name):
    operations = RedisOperations(store)
    counts = await asyncio.gather(*(operations.increment_with_expiry(name, ttl=0.3) for _ in range(5)))
    assert sorted(counts) == [1, 2, 3, 4, 5]
    await asyncio.sleep(0.4)
    assert await operations.increment_with_expiry(name, ttl=60) == 1


async def test_a_swap_gives_back_what_was_there(store, name):
    operations = RedisOperations(store)
    assert await operations.atomic_swap(name, "first", ttl=60) is None
    assert await operations.atomic_swap(name, {"second": 2}, ttl=60) == "first"


async def test_a_broadcast_reaches_a_subscriber(store, name):
    heard: asyncio.Queue[object] = asyncio.Queue()
    async with RedisOperations.open(store) as operations, asyncio.timeout(5):
        await operations.subscribe(f"updates:{name}", heard.put)
        while await operations.broadcast_update(name, {"symbol": "BTC", "price": 50000}) == 0:
            await asyncio.sleep(0.02)
        assert await heard.get() == {"symbol": "BTC", "price": 50000}


@pytest.fixture
async def invalidator(store):
    invalidator = Invalidator(store, SystemClock())
    work = asyncio.create_task(invalidator.run())
    yield invalidator
    work.cancel()


async def test_an_admin_forgets_a_level_in_every_cache_and_gets_the_memory_back(store, name, shared, invalidator):
    other = RedisShared(store, f"{name}-other", lease_seconds=10, grace=0, timeout=5)
    await asyncio.gather(*(cache.put(f"{name}:{n}", b"x", 60) for cache in (shared, other) for n in range(300)))
    await shared.put("price:btc", b"y", 60)
    assert await invalidator.forget(parse_pattern(f"{name}:*"), set()) == 600
    assert (await shared.peek(f"{name}:7")).data is None
    assert (await shared.peek("price:btc")).data == b"y"


async def test_a_cache_that_only_its_replica_told_of_is_reached_too(store, name, shared, invalidator):
    await shared.put(f"{name}:1", b"x", 60)
    await store.client.delete(REGISTRY)
    assert await invalidator.forget(parse_pattern(f"{name}:1"), {name}) == 1


async def test_what_was_stored_after_an_invalidation_survives_its_sweep(store, name, shared):
    invalidator = Invalidator(store, SystemClock())
    forgetting = asyncio.create_task(invalidator.forget(parse_pattern(f"{name}:*"), {name}))
    await asyncio.sleep(0.2)
    await shared.put(f"{name}:1", b"new", 60)
    work = asyncio.create_task(invalidator.run())
    await forgetting
    work.cancel()
    assert (await shared.peek(f"{name}:1")).data == b"new"


async def test_redis_tells_of_itself(store):
    await store.client.set("some", "thing")
    stats = await redis_stats(store)
    assert stats.keys >= 1
    assert stats.used_memory_bytes > 100_000
    assert stats.connected_clients >= 1


async def test_redis_that_is_away_has_no_figures():
    async with Store.open(f"redis://127.0.0.1:{free_port()}/0") as store:
        with pytest.raises(Unavailable):
            await redis_stats(store)


async def test_what_has_changed_is_forgotten_even_when_the_callers_time_is_over(store, name):
    async with (
        Cache.open(name, store=store, options=RELAXED) as cache,
        Cache.open(name, store=store, options=RELAXED) as other,
    ):
        await cache.set("user:1", "old")
        with deadline.within(0):
            await cache.delete("user:1")
        assert await other.get("user:1") is None


async def test_a_caller_whose_time_is_over_leaves_the_trip_to_the_others(store, shared):
    await shared.put("user:1", b"value", 60)
    await store.client.execute_command("CLIENT", "PAUSE", 500)
    with deadline.within(0.1):
        impatient = asyncio.create_task(shared.peek("user:1"))
    patient = asyncio.create_task(shared.peek("user:1"))
    with pytest.raises(DeadlineExceeded):
        await impatient
    assert (await patient).data == b"value"


async def test_what_has_expired_is_not_sent(shared):
    with deadline.within(0), pytest.raises(DeadlineExceeded):
        await shared.put("user:1", b"value", 60)
    assert (await shared.peek("user:1")).data is None
