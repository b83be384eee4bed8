"""The first layer."""

from services.kit.cache.local import MAX_TOMBSTONES, MISSING, LruStore
from services.kit.testing import FakeClock


def store(capacity: int = 3) -> tuple[LruStore[int], FakeClock]:
    clock = FakeClock()
    return LruStore(capacity, clock.monotonic), clock


def test_a_value_is_served_until_its_time_is_over():
    local, clock = store()
    local.put("a", 1, ttl=10)
    clock.advance(9.9)
    assert local.get("a") == 1
    clock.advance(0.1)
    assert local.get("a") is MISSING
    assert (local.counters.hits, local.counters.misses, local.counters.expirations) == (1, 1, 1)
    assert len(local) == 0


def test_the_entry_unused_for_longest_makes_room():
    local, _ = store(capacity=2)
    local.put("a", 1, ttl=10)
    local.put("b", 2, ttl=10)
    local.get("a")
    local.put("c", 3, ttl=10)
    assert [local.get(key) for key in "abc"] == [1, MISSING, 3]
    assert local.counters.evictions == 1


def test_an_expired_value_is_a_last_resort_within_its_grace_only():
    local, clock = store()
    local.put("a", 1, ttl=10, grace=5)
    clock.advance(12)
    assert local.get("a") is MISSING
    assert local.stale("a") == 1
    clock.advance(3)
    assert local.stale("a") is MISSING


def test_a_revived_value_is_fresh_again_but_never_beyond_its_grace():
    local, clock = store()
    local.put("a", 1, ttl=10, grace=5)
    clock.advance(12)
    local.revive("a", 60)
    assert local.get("a") == 1
    clock.advance(3)
    assert local.get("a") is MISSING


def test_forgetting_a_level_takes_its_keys_and_no_others():
    local, _ = store()
    local.put("user:1", 1, ttl=10)
    local.put("users:1", 2, ttl=10)
    local.discard_level("user:")
    assert local.get("user:1") is MISSING
    assert local.get("users:1") == 2
    assert local.counters.invalidations == 1


def test_a_value_put_after_its_level_was_forgotten_stays():
    local, _ = store()
    local.put("user:1", 1, ttl=10)
    local.discard_level("user:")
    local.put("user:1", 2, ttl=10)
    assert local.get("user:1") == 2


def test_a_forgotten_value_is_no_last_resort():
    local, clock = store()
    local.put("user:1", 1, ttl=10, grace=100)
    clock.advance(20)
    local.discard_level("user:")
    assert local.stale("user:1") is MISSING


def test_very_many_forgotten_levels_take_no_memory():
    local, _ = store()
    local.put("keep:1", 1, ttl=10)
    local.put("level7:1", 2, ttl=10)
    for number in range(3 * MAX_TOMBSTONES):
        local.discard_level(f"level{number}:")
    assert len(local._tombstones) <= MAX_TOMBSTONES
    assert local.get("level7:1") is MISSING
    assert local.get("keep:1") == 1


def test_forgetting_everything_empties_the_table():
    local, _ = store()
    local.put("a", 1, ttl=10)
    local.discard_level("")
    assert len(local) == 0
