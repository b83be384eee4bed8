"""What the caches of several processes tell each other."""

import pytest
from cryptovault.events.v1.events_pb2 import CacheInvalidation

from services.kit.cache import MISSING, Cache, CacheOptions
from services.kit.cache.backplane import MAX_OWED, SUBJECT
from services.kit.cache.testing import MemoryShared
from services.kit.testing import FakeBus


@pytest.fixture
def bus():
    return FakeBus()


@pytest.fixture
async def nodes(bus):
    shared = MemoryShared()
    here, there = (Cache("test", shared=shared, options=CacheOptions(), clock=shared.clock) for _ in range(2))
    async with here.linked(bus, "here"), there.linked(bus, "there"):
        yield here, there


async def source():
    return "value"


@pytest.mark.parametrize("pattern", ["user:1", "user:*", "*"])
async def test_an_invalidation_reaches_the_memory_of_other_processes(nodes, pattern):
    here, there = nodes
    await there.get("user:1", populate_callback=source)
    await here.invalidate_pattern(pattern)
    assert there.get_local("user:1") is MISSING


async def test_a_set_makes_other_processes_forget_the_old_value_and_keeps_ones_own(nodes):
    here, there = nodes
    await there.set("user:1", "old")
    await here.set("user:1", "new")
    assert here.get_local("user:1") == "new"
    assert there.get_local("user:1") is MISSING
    assert await there.get("user:1") == "new"


async def test_a_message_names_keys_and_patterns_but_no_values(nodes, bus):
    await nodes[0].set("user:1", "secret")
    await nodes[0].invalidate_pattern("user:*")
    messages = [CacheInvalidation.FromString(item.data) for item in bus.published]
    assert [list(message.keys) for message in messages] == [["user:1"], []]
    assert [list(message.patterns) for message in messages] == [[], ["user:*"]]
    assert all((message.cache, message.origin) == ("test", "here") for message in messages)


@pytest.mark.parametrize(("cache", "heard"), [("", True), ("test", True), ("other", False)])
async def test_a_message_concerns_the_cache_it_names_or_all(nodes, bus, cache, heard):
    here, _ = nodes
    await here.get("user:1", populate_callback=source)
    await bus.deliver(SUBJECT, CacheInvalidation(cache=cache, keys=["user:1"], origin="somebody"))
    assert (here.get_local("user:1") is MISSING) is heard


async def test_after_a_lost_link_memory_is_forgotten_since_messages_may_have_been_missed(nodes, bus):
    here, _ = nodes
    await here.get("user:1", populate_callback=source)
    bus.connected = False
    assert here.get_local("user:1") == "value"
    await bus.reconnect()
    assert here.get_local("user:1") is MISSING


async def test_what_could_not_be_told_is_told_when_the_link_is_back(nodes, bus):
    bus.connected = False
    await nodes[0].delete("user:1")
    await nodes[0].invalidate_pattern("price:*")
    await bus.reconnect()
    message = CacheInvalidation.FromString(bus.published[-1].data)
    assert (list(message.keys), list(message.patterns)) == (["user:1"], ["price:*"])


async def test_more_than_can_be_remembered_becomes_everything(nodes, bus):
    bus.connected = False
    for number in range(MAX_OWED + 1):
        await nodes[0].delete(f"user:{number}")
    await bus.reconnect()
    assert list(CacheInvalidation.FromString(bus.published[-1].data).patterns) == ["*"]


@pytest.mark.parametrize("data", [b"\xff\xff", CacheInvalidation(patterns=["a*b*"], origin="x").SerializeToString()])
async def test_a_strange_message_harms_nobody(nodes, bus, data):
    await bus.deliver(SUBJECT, data)
    assert await nodes[0].get("user:1", populate_callback=source) == "value"
