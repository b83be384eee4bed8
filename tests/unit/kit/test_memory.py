"""Old garbage is collected by the clock, and by nothing else."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from services.kit import memory
from services.kit.clock import SystemClock
from services.kit.testing import FakeClock


class Ring:
    """Held by itself only."""

    def __init__(self) -> None:
        self.itself = self


class Turns(FakeClock):
    """Lets a task pass so many times, and remembers how long it wanted to sleep."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        if len(self.slept) == self.most:
            raise asyncio.CancelledError
        self.slept.append(seconds)
        await super().sleep(seconds)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


async def test_what_has_grown_old_goes_when_it_is_time() -> None:
    memory.settle()
    ring = Ring()
    gone = weakref.ref(ring)
    gc.collect(1)  # it is old now
    del ring
    gc.collect(1)
    assert gone() is not None
    with pytest.raises(asyncio.CancelledError):
        await memory.collect(Turns(1))
    assert gone() is None


async def test_newcomers_do_not_set_it_off() -> None:
    memory.settle()
    before = gc.get_stats()[2]["collections"]
    crowd = [[[number]] for number in range(500_000)]
    assert len(crowd) == 500_000
    assert gc.get_stats()[1]["collections"] > 0
    assert gc.get_stats()[2]["collections"] == before


@pytest.mark.parametrize(("takes", "period"), [(0.001, 60.0), (0.1, 200.0), (2.0, 600.0)])
async def test_the_longer_it_takes_the_more_rarely_it_is_done(
    takes: float, period: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Turns(3)
    monkeypatch.setattr(gc, "collect", lambda: clock.advance(takes))
    with pytest.raises(asyncio.CancelledError):
        await memory.collect(clock)
    assert clock.slept == [60.0, pytest.approx(period), pytest.approx(period)]


async def test_it_waits_for_its_time() -> None:
    task = asyncio.create_task(memory.collect(SystemClock()))
    done, _ = await asyncio.wait([task], timeout=0.05)
    task.cancel()
    assert not done
