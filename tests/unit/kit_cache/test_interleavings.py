"""Every order in which {load, invalidate, store, notify} can happen on two nodes ends with the new value on both."""

import asyncio
import random
from collections.abc import Callable, Coroutine

import pytest

from services.kit.cache import MISSING, Cache, CacheOptions
from services.kit.cache.testing import MemoryShared
from services.kit.testing import FakeBus, FakeClock

KEY = "user:1"
SETTLE_ROUNDS = 12  # turns of the loop after which every task has reached its next point
OPTIONS = CacheOptions(jitter=0.0, load_timeout=60.0, patience=60.0)


class Scheduler:
    """Lets one waiting step go on at a time, in the order that a list of choices says."""

    def __init__(self, choices: list[int]) -> None:
        self.choices = choices
        self.branching: list[int] = []
        self._waiting: list[asyncio.Future[None]] = []

    async def point(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    async def run(self, *work: Coroutine[object, object, object]) -> None:
        tasks = [asyncio.create_task(item) for item in work]
        await self._settle()
        while self._waiting:
            step = len(self.branching)
            choice = self.choices[step] if step < len(self.choices) else 0
            self.branching.append(len(self._waiting))
            self._waiting.pop(choice % len(self._waiting)).set_result(None)
            await self._settle()
        await asyncio.wait_for(asyncio.gather(*tasks), 5)

    async def _settle(self) -> None:
        for _ in range(SETTLE_ROUNDS):
            await asyncio.sleep(0)


def next_choices(scheduler: Scheduler) -> list[int] | None:
    """The schedule after this one in depth-first order; None after the last."""
    taken = [
        scheduler.choices[step] if step < len(scheduler.choices) else 0 for step in range(len(scheduler.branching))
    ]
    while taken:
        if taken[-1] + 1 < scheduler.branching[len(taken) - 1]:
            return [*taken[:-1], taken[-1] + 1]
        taken.pop()
    return None


class SteppedShared(MemoryShared):
    """Waits for its turn before every step, and once more before the answer arrives."""

    scheduler: Scheduler | None = None

    async def _stepped(self, step: Callable[[], Coroutine[object, object, object]]):
        if self.scheduler is None:
            return await step()
        await self.scheduler.point()
        answer = await step()
        await self.scheduler.point()
        return answer

    async def lookup(self, key, *, steal=False):
        return await self._stepped(lambda: MemoryShared.lookup(self, key, steal=True))

    async def fill(self, lease, data, ttl):
        return await self._stepped(lambda: MemoryShared.fill(self, lease, data, ttl))

    async def put(self, key, data, ttl):
        await self._stepped(lambda: MemoryShared.put(self, key, data, ttl))

    async def delete(self, key):
        return await self._stepped(lambda: MemoryShared.delete(self, key))

    async def discard_level(self, level):
        return await self._stepped(lambda: MemoryShared.discard_level(self, level))


class LateBus(FakeBus):
    """Delivers each message at some later turn."""

    scheduler: Scheduler | None = None

    async def deliver(self, subject, payload, headers=None):
        if self.scheduler is not None:
            await self.scheduler.point()
        await super().deliver(subject, payload, headers)


class World:
    """A source and two nodes with a cache each."""

    def __init__(self, scheduler: Scheduler) -> None:
        clock = FakeClock()
        self.scheduler: Scheduler | None = scheduler
        self.shared, self.bus = SteppedShared(clock), LateBus()
        self.shared.scheduler = self.bus.scheduler = scheduler
        self.value = "old"
        self.here = Cache("test", shared=self.shared, options=OPTIONS, clock=clock)
        self.there = Cache("test", shared=self.shared, options=OPTIONS, clock=clock)

    async def source(self) -> str:
        value = self.value
        if self.scheduler is not None:
            await self.scheduler.point()
        return value

    async def read(self, cache: Cache) -> str | None:
        return await cache.get(KEY, populate_callback=self.source)

    async def write(self, scheduler: Scheduler, how: Callable[[Cache], Coroutine[object, object, None]]) -> None:
        await scheduler.point()
        self.value = "new"
        await how(self.here)
        assert self.here.get_local(KEY) != "old"

    async def put_old(self) -> None:
        self.shared.scheduler = None
        await Cache("test", shared=self.shared, options=OPTIONS, clock=self.shared.clock).set(KEY, "old")
        self.shared.scheduler = self.scheduler

    def calm(self) -> None:
        self.scheduler = self.shared.scheduler = self.bus.scheduler = None


WRITES = {
    "delete": lambda cache: cache.delete(KEY),
    "invalidate": lambda cache: cache.invalidate_pattern("user:*"),
    "set": lambda cache: cache.set(KEY, "new"),
}


async def play(choices: list[int], write: str, readers: tuple[str, ...], *, in_redis: bool = False) -> Scheduler:
    scheduler = Scheduler(choices)
    world = World(scheduler)
    if in_redis:
        await world.put_old()
    async with world.here.linked(world.bus, "here"), world.there.linked(world.bus, "there"):
        reads = [world.read(getattr(world, name)) for name in readers]
        await scheduler.run(*reads, world.write(scheduler, WRITES[write]))
        world.calm()
        seen = [await world.read(cache) for cache in (world.here, world.there)]
    assert seen == ["new", "new"], f"after the order {choices}"
    return scheduler


async def all_orders(write: str, readers: tuple[str, ...], *, in_redis: bool, limit: int = 3000) -> int:
    choices: list[int] | None = []
    count = 0
    while choices is not None and count < limit:
        choices = next_choices(await play(choices, write, readers, in_redis=in_redis))
        count += 1
    return count


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("reader", ["here", "there"])
@pytest.mark.parametrize("in_redis", [False, True])
async def test_a_read_never_brings_back_what_was_overtaken(write, reader, in_redis):
    assert await all_orders(write, (reader,), in_redis=in_redis) > 10, "the orders were really tried"


@pytest.mark.parametrize("write", WRITES)
async def test_nor_do_reads_on_both_nodes_at_once(write):
    chance = random.Random(7)
    results = [
        await play([chance.randrange(6) for _ in range(40)], write, ("here", "there"), in_redis=turn % 2 == 0)
        for turn in range(300)
    ]
    assert max(len(result.branching) for result in results) > 10


@pytest.mark.parametrize("first", [0, 1])
async def test_two_sets_at_once_leave_in_memory_what_redis_has_or_nothing(first):
    for seed in range(50):
        scheduler = Scheduler([first, *random.Random(seed).choices([0, 1], k=20)])
        world = World(scheduler)
        await scheduler.run(world.here.set(KEY, "one"), world.here.set(KEY, "two"))
        world.calm()
        assert world.here.get_local(KEY) in (MISSING, await world.there.get(KEY))
