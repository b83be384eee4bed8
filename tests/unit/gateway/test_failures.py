"""What a failed request leaves behind: nothing."""

import gc
from collections.abc import Iterator
from types import FrameType

import pytest

from services.kit.errors import Unauthenticated
from tests.unit.gateway.harness import Harness

FAILURES = 20


@pytest.fixture
def uncollected() -> Iterator[None]:
    """The garbage collector is off: what only it would find stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def frames() -> int:
    """How many frames something holds that has ended, or goes on."""
    return sum(type(thing) is FrameType for thing in gc.get_objects())


async def fail(harness: Harness) -> None:
    harness.prices.failures = [Unauthenticated("who are you?")]  # others are logged, and pytest keeps logs
    assert (await harness.client.get("/api/prices/BTC-USD")).status_code == 401


@pytest.mark.usefixtures("uncollected")
async def test_a_failure_leaves_no_cycle_behind_here_or_at_the_service_that_has_failed(harness: Harness) -> None:
    await fail(harness)
    before = frames()
    for _ in range(FAILURES):
        await fail(harness)
    assert frames() - before < FAILURES


@pytest.mark.usefixtures("uncollected")
async def test_a_wrong_token_that_a_public_route_ignores_leaves_none_either(harness: Harness) -> None:
    async def ask() -> None:
        answer = await harness.client.get("/api/prices/BTC-USD", headers={"authorization": "Bearer rubbish"})
        assert answer.status_code == 200

    await ask()
    before = frames()
    for _ in range(FAILURES // 2):  # of wrong ones, more are not looked at
        await ask()
    assert frames() - before < FAILURES // 2
