"""Calls that wait for room below a limit."""

import asyncio

import pytest

import services.gateway.resilience.queue as module
from services.gateway.resilience.concurrency import AdaptiveLimit
from services.gateway.resilience.criticality import Criticality
from services.gateway.resilience.queue import BURST, CallQueue
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


async def fill(queue: CallQueue) -> None:
    for _ in range(10):
        assert await queue.enter(Criticality.AUTH, LONG)


async def asked(queue: CallQueue, kind: Criticality, order: list[str], name: str) -> None:
    """Begin a call, and say so."""
    if await queue.enter(kind, LONG):
        order.append(name)


async def test_a_burst_is_answered_one_after_the_other(queue: CallQueue, limit: AdaptiveLimit) -> None:
    async def call() -> bool:
        begun = await queue.enter(Criticality.PUBLIC, LONG)
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
    assert not await queue.enter(Criticality.PUBLIC, LONG)
    assert loop.time() - began > BURST * 0.9
    assert queue.shed == 1


async def test_who_has_less_patience_is_turned_away_sooner(queue: CallQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BURST", LONG)
    await fill(queue)
    async with asyncio.timeout(LONG / 2):
        assert not await queue.enter(Criticality.PUBLIC, 0.01)


async def test_newcomers_hardly_wait_for_a_queue_that_does_not_empty(
    queue: CallQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BURST", LONG)
    await fill(queue)
    standing = asyncio.create_task(queue.enter(Criticality.PUBLIC, LONG))
    await asyncio.sleep(0)
    clock.advance(LONG)
    async with asyncio.timeout(LONG / 2):
        assert not await queue.enter(Criticality.PUBLIC, LONG)
    queue.leave("op", None)
    assert not standing.done()
    for _ in range(2):
        queue.leave("op", None)
    assert await standing


@pytest.mark.parametrize("let_in", [False, True])
async def test_who_leaves_the_queue_takes_no_place(queue: CallQueue, limit: AdaptiveLimit, let_in: bool) -> None:
    await fill(queue)
    leaving = asyncio.create_task(queue.enter(Criticality.AUTH, LONG))
    staying = asyncio.create_task(queue.enter(Criticality.AUTH, LONG))
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
