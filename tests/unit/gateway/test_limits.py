"""Rate limits: exact bursts and rates, and what holds while Redis is away."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.limits.gcra import MICROSECONDS, Limit, decide
from services.gateway.limits.limiter import RateLimiter
from services.gateway.limits.local import LocalLimiter
from services.kit.breaker import Breaker
from services.kit.testing import FakeClock
from tests.unit.gateway.harness import AwayRedis

MINUTE = Limit(60, 60)


class ScriptedRedis:
    """Redis that gives one answer."""

    def __init__(self, answer: list[int]) -> None:
        self.answer = answer
        self.calls: list[tuple[Sequence[str], Sequence[int]]] = []

    async def __call__(self, keys: Sequence[str], args: Sequence[int]) -> list[int]:
        self.calls.append((keys, args))
        return self.answer


def test_a_burst_of_the_whole_quota_passes_and_then_one_request_an_interval() -> None:
    clock = FakeClock()
    limiter = LocalLimiter(clock)
    burst = [limiter.check("k", MINUTE) for _ in range(61)]
    assert [decision.allowed for decision in burst] == [True] * 60 + [False]
    assert (burst[59].remaining, burst[60].retry_after) == (0, 1.0)
    clock.advance(1.0)
    assert limiter.check("k", MINUTE).allowed
    assert not limiter.check("k", MINUTE).allowed


def test_the_quota_is_whole_again_when_the_reset_time_has_passed() -> None:
    clock = FakeClock()
    limiter = LocalLimiter(clock)
    spent = [limiter.check("k", MINUTE) for _ in range(10)][-1]
    assert (spent.remaining, spent.reset) == (50, 10.0)
    clock.advance(spent.reset)
    assert limiter.check("k", MINUTE).remaining == 59


def test_keys_do_not_share_a_quota() -> None:
    limiter = LocalLimiter(FakeClock())
    assert limiter.check("a", Limit(1, 60)).allowed
    assert limiter.check("b", Limit(1, 60)).allowed
    assert not limiter.check("a", Limit(1, 60)).allowed


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 50), st.integers(1, 60), st.lists(st.integers(0, 5 * MICROSECONDS), max_size=200))
def test_no_window_ever_admits_more_than_burst_and_rate_allow(count: int, seconds: int, gaps: list[int]) -> None:
    limit, arrival, now, admitted = Limit(count, seconds), 0, MICROSECONDS, []
    for gap in gaps:
        now += gap
        decision, arrival = decide(limit, arrival, now)
        if decision.allowed:
            admitted.append(now)
    for index, start in enumerate(admitted):
        for offset, end in enumerate(admitted[index:]):
            assert offset + 1 <= count + 1 + (end - start) / limit.interval


async def test_redis_decides_while_it_is_there() -> None:
    redis = ScriptedRedis([0, 0, 30_000_000, 1_500_000])
    limiter = RateLimiter(redis, LocalLimiter(FakeClock()), Breaker("redis"))
    decision = await limiter.check("k", MINUTE, strict=False)
    assert (decision.allowed, decision.reset, decision.retry_after) == (False, 30.0, 1.5)
    assert redis.calls == [(["rl:k"], [1_000_000, 60_000_000])]


async def test_without_redis_the_limit_holds_locally_and_a_quarter_of_it_for_what_guards_a_secret() -> None:
    clock = FakeClock()
    limiter = RateLimiter(AwayRedis(), LocalLimiter(clock), Breaker("redis", clock=clock))
    normal = [await limiter.check("a", Limit(20, 60), strict=False) for _ in range(21)]
    strict = [await limiter.check("b", Limit(20, 60), strict=True) for _ in range(21)]
    assert sum(decision.allowed for decision in normal) == 20
    assert sum(decision.allowed for decision in strict) == 5
