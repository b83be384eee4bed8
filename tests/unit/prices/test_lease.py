import asyncio
from contextlib import asynccontextmanager

import pytest

from services.kit.clock import SystemClock
from services.kit.errors import Unavailable
from services.prices.adapters import lease as module
from services.prices.adapters.lease import RENEW, Lease


class Store:
    """Redis, as far as the lease's two scripts need it."""

    def __init__(self):
        self.holder = None
        self.away = False

    def script(self, text):
        return self.renew if text == RENEW else self.release

    async def renew(self, keys, args):
        if self.away:
            raise Unavailable
        self.holder = self.holder or args[0]
        return self.holder == args[0]

    async def release(self, keys, args):
        if self.holder == args[0]:
            self.holder = None


class Work:
    """Something that only the holder may do."""

    def __init__(self):
        self.running = False
        self.failure = None

    async def __call__(self):
        self.running = True
        try:
            if self.failure:
                raise self.failure
            await asyncio.sleep(3600)
        finally:
            self.running = False


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(module, "RENEW_EVERY", 0.01)


@asynccontextmanager
async def candidate(store):
    work = Work()
    task = asyncio.create_task(Lease(store, SystemClock()).while_held(work))
    try:
        yield work
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_one_of_two_holds_the_lease_and_the_other_follows_when_it_ends():
    store = Store()
    async with candidate(store) as first:
        await until(lambda: first.running)
        async with candidate(store) as second:
            await asyncio.sleep(0.05)
            assert not second.running
            store.holder = None  # the first one's lease ran out while it hung
            store.holder = "somebody else"
            await until(lambda: not first.running)
            store.holder = None
            await until(lambda: first.running != second.running)


async def test_a_replica_that_stops_gives_the_lease_back():
    store = Store()
    async with candidate(store) as work:
        await until(lambda: work.running)
    assert store.holder is None
    assert not work.running


async def test_without_redis_the_holder_goes_on_and_nobody_else_starts():
    store = Store()
    async with candidate(store) as holder, candidate(store) as other:
        await until(lambda: holder.running or other.running)
        before = (holder.running, other.running)
        store.away = True
        await asyncio.sleep(0.05)
        assert (holder.running, other.running) == before


async def test_nobody_starts_before_redis_is_there():
    store = Store()
    store.away = True
    async with candidate(store) as work:
        await asyncio.sleep(0.05)
        assert not work.running
        store.away = False
        await until(lambda: work.running)


async def test_work_that_fails_gives_the_lease_back_and_is_reported():
    store, work = Store(), Work()
    work.failure = RuntimeError("broken")
    with pytest.raises(RuntimeError, match="broken"):
        await Lease(store, SystemClock()).while_held(work)
    assert store.holder is None
