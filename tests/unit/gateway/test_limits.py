"""The limiter between a request and Redis: what it decides at once, what it asks, and what holds without Redis."""

import asyncio
from collections.abc import Sequence

import pytest
from opentelemetry.metrics import CallbackOptions

from services.gateway.limits.counts import Counts, Outcome
from services.gateway.limits.gcra import Limit, Rule
from services.gateway.limits.limiter import Mode, RateLimiter
from services.kit.errors import Unavailable
from services.kit.testing import FakeClock
from tests.unit.gateway.harness import AwayRedis, until

SMALL = Rule("small", Limit(60, 60))
LARGE = Rule("large", Limit(60_000, 60))
LOGIN = Rule("login", Limit(20, 60), strict=True)

SECOND = 1_000_000


class GivingRedis:
    """Redis that grants what is wanted until `left` is gone, and remembers each order."""

    def __init__(self, left: int = 1_000_000, replicas: int = 1) -> None:
        self.left = left
        self.replicas = replicas
        self.remembers = 1
        self.until_full = SECOND
        self.orders: list[tuple[list[str], list[list[int]]]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.away = False

    async def __call__(self, keys: Sequence[str], args: Sequence[str | int]) -> list[int]:
        numbers = [int(number) for number in args[2:]]
        lines = [numbers[at : at + 6] for at in range(0, len(numbers), 6)]
        self.orders.append((list(keys[2:]), lines))
        await self.open.wait()
        if self.away:
            raise Unavailable("Redis is away")
        remembered, self.remembers = self.remembers, 1
        return [remembered, self.replicas, *(number for line in lines for number in self._grant(line))]

    def _grant(self, line: list[int]) -> tuple[int, int]:
        _, _, _, due, least, most = line
        self.left -= due
        granted = max(0, min(most, self.left)) if self.left >= least else 0
        self.left -= granted
        return granted, self.until_full

    def due(self) -> int:
        """All debts that were reported."""
        return sum(line[3] for _, lines in self.orders for line in lines)


async def test_who_waits_for_redis_is_not_refused_because_others_spent_meanwhile_what_there_was() -> None:
    redis = GivingRedis(replicas=51)  # for so many a second lease would be too small
    limiter = RateLimiter(redis, FakeClock(), patience=5.0)
    redis.open.clear()
    asking = [asyncio.create_task(limiter.ask(LARGE, "ip:a"))]
    await until(lambda: len(redis.orders) == 1)
    asking += [asyncio.create_task(limiter.ask(LARGE, "ip:a")) for _ in range(3)]
    await asyncio.sleep(0)
    redis.open.set()
    redis.open.clear()  # for the first order only, which brings a lease
    await until(lambda: len(redis.orders) == 2)
    while limiter.decide(LARGE, "ip:a") is not None:
        pass
    redis.open.set()
    assert all(decision.allowed for decision in await asyncio.gather(*asking))


async def test_what_is_new_is_asked_and_many_that_ask_at_once_are_one_order() -> None:
    redis = GivingRedis()
    limiter = RateLimiter(redis, FakeClock())
    assert limiter.decide(SMALL, "ip:a") is None
    decisions = await asyncio.gather(*(limiter.check(SMALL, f"ip:{name}") for name in "abca"))
    assert all(decision.allowed for decision in decisions)
    assert [keys for keys, _ in redis.orders] == [["cv:limit:small:ip:a", "cv:limit:small:ip:b", "cv:limit:small:ip:c"]]
    assert [line[4:] for line in redis.orders[0][1]] == [[1, 2], [1, 1], [1, 1]]


async def test_a_busy_key_is_decided_at_once_on_a_lease_that_is_refilled_before_it_ends() -> None:
    redis, clock = GivingRedis(), FakeClock()
    limiter = RateLimiter(redis, clock)
    for _ in range(300):  # 1,000 a second
        await limiter.check(LARGE, "user:a")
        clock.advance(0.001)
    asked = 0
    for _ in range(300):
        asked += limiter.decide(LARGE, "user:a") is None
        clock.advance(0.001)
        await asyncio.sleep(0)
    assert asked == 0
    assert len(redis.orders) < 100


async def test_a_small_or_strict_limit_is_asked_each_time_and_leases_nothing() -> None:
    redis = GivingRedis()
    limiter = RateLimiter(redis, FakeClock())
    for _ in range(5):
        assert limiter.decide(SMALL, "ip:a") is None
        assert limiter.decide(LOGIN, "ip:a") is None
        await limiter.check(SMALL, "ip:a")
        await limiter.check(LOGIN, "ip:a")
    assert {tuple(line[3:]) for _, lines in redis.orders for line in lines} == {(0, 1, 1)}


async def test_a_strict_limit_leases_nothing_however_large_it_is() -> None:
    redis = GivingRedis()
    limiter = RateLimiter(redis, FakeClock())
    await limiter.check(Rule("login", Limit(60_000, 60), strict=True), "ip:a")
    assert redis.orders[0][1][0][3:] == [0, 1, 1]


async def test_what_redis_refused_is_refused_here_until_it_can_pass() -> None:
    redis, clock = GivingRedis(left=0), FakeClock()
    redis.until_full = 60 * SECOND
    limiter = RateLimiter(redis, clock)
    refused = await limiter.check(SMALL, "ip:a")
    again = [limiter.decide(SMALL, "ip:a") for _ in range(100)]
    assert (refused.allowed, refused.reset, refused.retry_after) == (False, 60.0, 1.0)
    assert all(decision == refused for decision in again)
    assert len(redis.orders) == 1
    clock.advance(1.0)
    assert limiter.decide(SMALL, "ip:a") is None


async def test_a_request_of_several_units_takes_them_together_or_not_at_all() -> None:
    redis = GivingRedis(left=7)
    limiter = RateLimiter(redis, FakeClock())
    passed = [(await limiter.check(SMALL, "ip:a", cost=5)).allowed for _ in range(2)]
    assert passed == [True, False]
    assert redis.left == 2


async def test_without_redis_the_limit_holds_locally_and_a_quarter_of_it_for_what_guards_a_secret() -> None:
    limiter = RateLimiter(AwayRedis(), FakeClock())
    normal = [(await limiter.check(Rule("r", Limit(20, 60)), "a")).allowed for _ in range(21)]
    strict = [(await limiter.check(LOGIN, "b")).allowed for _ in range(21)]
    assert (sum(normal), sum(strict)) == (20, 5)


async def test_without_redis_a_replica_gives_its_share_of_its_share_at_first_and_its_share_later() -> None:
    redis, clock = GivingRedis(replicas=3), FakeClock()
    limiter = RateLimiter(redis, clock)
    await limiter.tick()
    redis.away = True
    burst = [(await limiter.check(SMALL, "ip:a")).allowed for _ in range(60)]
    clock.advance(60)
    later = [limiter.decide(SMALL, "ip:a") for _ in range(60)]
    assert limiter.mode is Mode.ALONE
    assert sum(burst) == 60 // 3 // 3
    assert sum(decision is not None and decision.allowed for decision in later) == 60 // 3


async def test_nobody_waits_for_a_redis_that_let_somebody_wait_too_long() -> None:
    redis = GivingRedis()
    redis.open.clear()
    limiter = RateLimiter(redis, FakeClock(), patience=0.001)
    assert (await limiter.check(SMALL, "ip:a")).allowed
    assert limiter.decide(SMALL, "ip:b") is not None
    redis.open.set()
    await limiter.tick()
    assert limiter.decide(SMALL, "ip:b") is None


async def test_what_passed_while_redis_was_late_is_debited_once() -> None:
    redis = GivingRedis()
    redis.open.clear()
    limiter = RateLimiter(redis, FakeClock(), patience=0.001)
    passed = [(await limiter.check(SMALL, "ip:a")).allowed for _ in range(10)]  # the first is under way already
    redis.open.set()
    await limiter.tick()
    assert all(passed)
    assert 1_000_000 - redis.left == 10


async def test_an_order_without_answer_is_repeated_as_it_was() -> None:
    redis = GivingRedis()
    redis.away = True
    limiter = RateLimiter(redis, FakeClock())
    await limiter.check(SMALL, "ip:a")
    redis.away = False
    await limiter.tick()
    assert redis.orders[0] == redis.orders[1]


async def test_a_redis_that_is_back_first_hears_what_it_knew_then_what_passed_and_then_decides() -> None:
    redis, clock = GivingRedis(), FakeClock()
    limiter = RateLimiter(redis, clock)
    await limiter.check(SMALL, "ip:a")
    redis.away = True
    assert all([(await limiter.check(SMALL, "ip:b")).allowed for _ in range(3)])
    redis.away = False
    modes, heard = [], []
    for _ in range(4):
        await limiter.tick()
        modes.append(limiter.mode)
        heard.append((redis.orders[-1][0], redis.due()))
        clock.advance(1.0)
    assert modes == [Mode.RETURNING, Mode.RETURNING, Mode.SHARED, Mode.SHARED]
    assert heard[0] == (["cv:limit:small:ip:a"], 0)
    assert heard[-1][1] == 2  # the third was in the order that was repeated


@pytest.mark.parametrize(("at_last", "due"), [(1, 0), (60, 59)])
async def test_after_an_outage_only_what_time_has_not_paid_for_is_debited(at_last: int, due: int) -> None:
    redis, clock = GivingRedis(), FakeClock()
    limiter = RateLimiter(redis, clock)
    redis.away = True
    for requests in [1] * 600 + [at_last]:
        clock.advance(1.0)
        assert all([(await limiter.check(SMALL, "ip:a")).allowed for _ in range(requests)])
    redis.away = False
    for _ in range(3):
        await limiter.tick()
        clock.advance(1.0)
    assert (limiter.mode, redis.due()) == (Mode.SHARED, due)


async def test_an_outage_leaves_nothing_of_those_whose_debts_are_paid_for() -> None:
    clock = FakeClock()
    limiter = RateLimiter(AwayRedis(), clock)
    for number in range(700):
        await limiter.check(SMALL, f"ip:{number}")
    await limiter.tick()
    owing = len(limiter._debtors)
    clock.advance(2.0)
    for _ in range(2):
        await limiter.tick()
    assert (owing, len(limiter._debtors)) == (700, 0)


async def test_a_redis_that_has_forgotten_the_replica_is_told_before_it_decides() -> None:
    redis, clock = GivingRedis(), FakeClock()
    limiter = RateLimiter(redis, clock)
    await limiter.check(SMALL, "ip:a")
    redis.remembers = 0
    decision = await limiter.check(SMALL, "ip:a")
    assert (decision.allowed, limiter.mode) == (True, Mode.RETURNING)
    assert limiter.decide(SMALL, "ip:a") is not None


async def test_a_client_that_left_before_redis_was_asked_costs_nothing() -> None:
    redis = GivingRedis()
    limiter = RateLimiter(redis, FakeClock(), patience=1.0)
    gone, stays = (asyncio.create_task(limiter.check(SMALL, "ip:a")) for _ in range(2))
    await asyncio.sleep(0)  # both have asked, and nothing is sent yet
    gone.cancel()
    assert (await stays).allowed
    assert 1_000_000 - redis.left == 1


async def test_the_unit_of_a_client_that_left_while_redis_was_asked_is_the_next_ones() -> None:
    redis = GivingRedis()
    redis.open.clear()
    limiter = RateLimiter(redis, FakeClock(), patience=1.0)
    gone, stays = (asyncio.create_task(limiter.check(SMALL, "ip:a")) for _ in range(2))
    while not redis.orders:
        await asyncio.sleep(0)
    gone.cancel()
    redis.open.set()
    assert (await stays).allowed
    assert limiter.decide(SMALL, "ip:a") is not None


async def test_a_lease_that_redis_denies_is_counted_by_rule_and_a_decision_without_redis_says_so() -> None:
    shared, alone = RateLimiter(GivingRedis(left=0), FakeClock()), RateLimiter(AwayRedis(), FakeClock())
    denied = await shared.check(SMALL, "ip:a")
    decisions = [await alone.check(SMALL, "ip:a") for _ in range(SMALL.limit.count + 1)]
    assert (denied.alone, shared.counts["small", Outcome.LEASE_DENIED]) == (False, 1)
    assert all(decision.alone for decision in decisions)


def test_the_counts_are_metrics_with_the_rule_and_the_outcome() -> None:
    counts = Counts()
    counts.add("small", Outcome.OVER)
    counts.add("small", Outcome.OVER)
    observed = [(item.value, item.attributes) for item in counts.observe(CallbackOptions())]
    assert observed == [(2, {"rule": "small", "outcome": "over"})]
