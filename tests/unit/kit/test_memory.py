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


class OneTurn(FakeClock):
    """Lets a task pass once."""

    async def sleep(self, seconds: float) -> None:
        if self.now > FakeClock().now:
            raise asyncio.CancelledError
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
        await memory.collect(OneTurn())
    assert gone() is None


async def test_newcomers_do_not_set_it_off() -> None:
    memory.settle()
    before = gc.get_stats()[2]["collections"]
    crowd = [[[number]] for number in range(500_000)]
    assert len(crowd) == 500_000
    assert gc.get_stats()[1]["collections"] > 0
    assert gc.get_stats()[2]["collections"] == before


async def test_it_waits_for_its_time() -> None:
    task = asyncio.create_task(memory.collect(SystemClock()))
    done, _ = await asyncio.wait([task], timeout=0.05)
    task.cancel()
    assert not done
