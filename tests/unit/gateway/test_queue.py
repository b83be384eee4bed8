"""Calls that wait for room below a limit."""

import asyncio
import random

import pytest

import services.gateway.resilience.queue as module
from services.gateway.resilience.concurrency import AdaptiveLimit
from services.gateway.resilience.criticality import Criticality
from services.gateway.resilience.queue import BURST, STANDING, CallQueue
from services.kit.testing import FakeClock

LONG = 60.0  # seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def limit(clock: FakeClock) -> AdaptiveLimit:
    limit = AdaptiveLimit(clock.monotonic)
    limit.limit = 10.0
    return limit


@pytest.fixture
def queue(limit: AdaptiveLimit, clock: FakeClock) -> CallQueue:
    return CallQueue(limit, clock.monotonic)


async def enter(queue: CallQueue, kind: Criticality, patience: float) -> bool:
    return queue.enter(kind) or await queue.wait(kind, patience)


async def fill(queue: CallQueue) -> None:
    for _ in range(10):
        assert await enter(queue, Criticality.AUTH, LONG)


async def asked(queue: CallQueue, kind: Criticality, order: list[str], name: str) -> None:
    """Begin a call, and say so."""
    if await enter(queue, kind, LONG):
        order.append(name)


async def test_a_burst_is_answered_one_after_the_other(queue: CallQueue, limit: AdaptiveLimit) -> None:
    async def call() -> bool:
        begun = await enter(queue, Criticality.PUBLIC, LONG)
        await asyncio.sleep(0.001)
        queue.leave("op", None)
        return begun

    assert await asyncio.gather(*(call() for _ in range(100))) == [True] * 100
    assert (limit.in_flight, queue.waited, queue.shed) == (0, 92, 0)


async def test_the_most_important_come_first_and_those_of_a_class_as_they_have_come(queue: CallQueue) -> None:
    await fill(queue)
    order: list[str] = []
    kinds = {"p1": Criticality.PUBLIC, "u1": Criticality.USER, "a1": Criticality.AUTH, "a2": Criticality.AUTH}
    waiting = [asyncio.create_task(asked(queue, kind, order, name)) for name, kind in kinds.items()]
    await asyncio.sleep(0)
    for _ in range(6):
        queue.leave("op", None)
    await asyncio.gather(*waiting)
    assert order == ["a1", "a2", "u1", "p1"]


async def test_who_comes_later_does_not_push_in(queue: CallQueue, limit: AdaptiveLimit) -> None:
    await fill(queue)
    order: list[str] = []
    first = asyncio.create_task(asked(queue, Criticality.USER, order, "first"))
    await asyncio.sleep(0)
    limit.in_flight = 5
    second = asyncio.create_task(asked(queue, Criticality.USER, order, "second"))
    third = asyncio.create_task(asked(queue, Criticality.AUTH, order, "the important one"))
    await asyncio.sleep(0)
    assert order == ["the important one"]
    queue.leave("op", None)
    await asyncio.gather(first, second, third)
    assert order == ["the important one", "first", "second"]


async def test_who_finds_no_room_is_turned_away_after_a_moment(queue: CallQueue) -> None:
    await fill(queue)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert not await enter(queue, Criticality.PUBLIC, LONG)
    assert loop.time() - began > BURST * 0.9
    assert queue.shed == 1


async def test_who_has_less_patience_is_turned_away_sooner(queue: CallQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BURST", LONG)
    await fill(queue)
    async with asyncio.timeout(LONG / 2):
        assert not await enter(queue, Criticality.PUBLIC, 0.01)


async def long_line(queue: CallQueue, clock: FakeClock) -> asyncio.Task[bool]:
    """A public call that has waited for long below a full limit."""
    await fill(queue)
    standing = asyncio.create_task(enter(queue, Criticality.PUBLIC, LONG))
    await asyncio.sleep(0)
    clock.advance(LONG)
    return standing


async def test_newcomers_hardly_wait_for_a_queue_that_does_not_empty(
    queue: CallQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BURST", LONG)
    standing = await long_line(queue, clock)
    async with asyncio.timeout(LONG / 2):
        assert not await enter(queue, Criticality.PUBLIC, LONG)
    queue.leave("op", None)
    assert not standing.done()
    for _ in range(2):
        queue.leave("op", None)
    assert await standing


async def test_the_more_important_have_all_their_patience_though_a_line_of_others_does_not_empty(
    queue: CallQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BURST", LONG)
    standing = await long_line(queue, clock)
    user = asyncio.create_task(enter(queue, Criticality.USER, LONG))
    await asyncio.sleep(4 * STANDING)
    for _ in range(2):
        queue.leave("op", None)
    assert await user
    assert not standing.done()
    assert not await enter(queue, Criticality.PUBLIC, LONG)
    queue.leave("op", None)
    queue.leave("op", None)
    assert await standing


@pytest.mark.parametrize("let_in", [False, True])
async def test_who_leaves_the_queue_takes_no_place(queue: CallQueue, limit: AdaptiveLimit, let_in: bool) -> None:
    await fill(queue)
    leaving = asyncio.create_task(enter(queue, Criticality.AUTH, LONG))
    staying = asyncio.create_task(enter(queue, Criticality.AUTH, LONG))
    await asyncio.sleep(0)
    if let_in:
        queue.leave("op", None)
        leaving.cancel()
    else:
        leaving.cancel()
        queue.leave("op", None)
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await staying
    assert (limit.in_flight, queue.waited) == (10, 1)


class Crowd:
    """Callers that come, go, lose patience and give up by chance, below a limit that moves whenever a call ends."""

    def __init__(self, queue: CallQueue, limit: AdaptiveLimit, seed: int) -> None:
        self.chance = random.Random(seed)
        self.queue, self.limit = queue, limit
        self.tasks: list[asyncio.Task[None]] = []
        self.inside = 0

    async def _call(self, kind: Criticality, patience: float) -> None:
        if await enter(self.queue, kind, patience):
            self.inside += 1

    def come(self) -> None:
        kind, patience = self.chance.choice(list(Criticality)), self.chance.choice([0.0, LONG, LONG])
        self.tasks.append(asyncio.create_task(self._call(kind, patience)))

    def give_up(self) -> None:
        self.chance.choice(self.tasks[-20:]).cancel()

    def end_one(self) -> None:
        if self.inside:
            self.inside -= 1
            self.queue.leave("op", None)

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_no_place_is_lost_or_given_twice_and_nobody_is_forgotten(
    queue: CallQueue, limit: AdaptiveLimit, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(module, "BURST", LONG)
    crowd, leave = Crowd(queue, limit, seed), limit.leave

    def leave_and_move(operation: str, seconds: float | None) -> None:
        leave(operation, seconds)
        limit.limit = crowd.chance.uniform(1.0, 12.0)

    monkeypatch.setattr(limit, "leave", leave_and_move)
    crowd.come()
    for _ in range(300):
        for _ in range(crowd.chance.randrange(6)):  # in one turn of the event loop
            crowd.chance.choice([crowd.come, crowd.come, crowd.give_up, crowd.end_one, crowd.end_one])()
        await asyncio.sleep(0)
        if crowd.chance.random() < 0.3:
            await crowd.settle()
            assert limit.in_flight == crowd.inside
            assert sum(map(len, queue._lines.values())) == sum(not task.done() for task in crowd.tasks)
            assert not any(line and limit.has_room(kind.share) for kind, line in queue._lines.items())
    while not all(task.done() for task in crowd.tasks):
        await crowd.settle()
        crowd.end_one()
    while crowd.inside:
        crowd.end_one()
    assert (limit.in_flight, any(queue._lines.values())) == (0, False)
    assert min(queue.waited, queue.shed) > 0
