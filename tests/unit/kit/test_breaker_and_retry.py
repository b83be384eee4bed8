"""Breaker and retry: stop calling what fails, come back carefully, never for ever."""

import pytest

from services.kit.breaker import Breaker, State
from services.kit.errors import Unavailable
from services.kit.retry import Backoff, retry
from services.kit.testing import FakeClock


def breaker(clock: FakeClock) -> Breaker:
    return Breaker("prices", minimum_calls=4, window=8, open_seconds=1.0, clock=clock)


def fail(guarded: Breaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(OSError, match="away"), guarded.guard():
            raise OSError("away")


def test_too_few_failures_do_not_open_it():
    guarded = breaker(FakeClock())
    fail(guarded, 3)
    assert guarded.state is State.CLOSED


def test_an_open_breaker_refuses_at_once_and_says_when_to_come_back():
    guarded = breaker(FakeClock())
    fail(guarded, 4)
    with pytest.raises(Unavailable) as refused, guarded.guard():
        pytest.fail("the call went through")
    assert refused.value.retry_after == 1.0


def test_one_successful_probe_closes_it_again():
    clock = FakeClock()
    guarded = breaker(clock)
    fail(guarded, 4)
    clock.advance(1.0)
    assert guarded.state is State.HALF_OPEN
    with guarded.guard():
        assert not guarded.allows()  # one probe at a time
    assert guarded.state is State.CLOSED


def test_a_failed_probe_opens_it_for_another_pause():
    clock = FakeClock()
    guarded = breaker(clock)
    fail(guarded, 4)
    clock.advance(1.0)
    fail(guarded, 1)
    assert guarded.state is State.OPEN


def test_half_of_the_calls_failing_opens_it():
    guarded = breaker(FakeClock())
    for _ in range(4):
        guarded.succeeded()
    fail(guarded, 4)
    assert guarded.state is State.OPEN


def test_pauses_grow_to_the_cap_and_carry_full_jitter():
    pauses = Backoff(base=0.1, cap=0.5).pauses(rng=lambda: 1.0)
    assert [round(next(pauses), 2) for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert next(Backoff().pauses(rng=lambda: 0.0)) == 0.0


async def test_a_call_is_retried_and_its_last_failure_raised():
    calls = []

    async def attempt() -> None:
        calls.append(1)
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await retry(attempt, attempts=3, retry_on=(OSError,), clock=FakeClock())
    assert len(calls) == 3
