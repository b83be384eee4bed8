"""Breaker, budget, adaptive limit and latencies, each by its rule and by a clock that stands still."""

import asyncio
from collections import deque

import pytest

from services.gateway.pipeline.admission import Admission
from services.gateway.pipeline.deadline import parse_timeout
from services.gateway.pipeline.exchange import Answer, Exchange, Route
from services.gateway.resilience.breaker import Breaker
from services.gateway.resilience.budget import Budget
from services.gateway.resilience.concurrency import HIGHEST, INITIAL, LOWEST, AdaptiveLimit
from services.gateway.resilience.criticality import Criticality, Overloaded, criticality_of
from services.gateway.resilience.hedging import first_answer
from services.gateway.resilience.lag import LoopLag
from services.gateway.resilience.latency import Latencies
from services.gateway.resilience.window import Window
from services.gateway.tasks import started
from services.kit.breaker import State
from services.kit.errors import InvalidInput, NotFound, Unavailable
from services.kit.testing import FakeClock
from tests.unit.gateway.harness import OPERATIONS
from tests.unit.gateway.test_policies import exchange


def test_a_window_forgets_in_steps_and_after_its_length_everything() -> None:
    clock = FakeClock()
    window = Window(2, clock.monotonic)
    for _ in range(4):
        window.add(0)
        window.add(1)
        clock.advance(3)
    assert list(window.totals()) == [3, 3]
    clock.advance(60)
    assert list(window.totals()) == [0, 0]


def call(breaker: Breaker, *, failed: bool = False, slow: bool = False) -> None:
    breaker.leave(breaker.enter(), failed=failed, slow=slow)


@pytest.mark.parametrize(
    ("calls", "state"),
    [
        ("good failed good failed good failed", State.OPEN),
        ("good good failed good failed good failed good failed good failed", State.CLOSED),
        ("failed failed failed failed", State.CLOSED),
        ("good slow slow slow slow", State.OPEN),
        ("good good slow slow slow slow", State.CLOSED),
    ],
)
def test_a_breaker_opens_by_the_share_of_failed_or_slow_calls(calls: str, state: State) -> None:
    breaker = Breaker("x", FakeClock().monotonic)
    for end in calls.split():
        call(breaker, failed=end == "failed", slow=end == "slow")
    assert breaker.state is state


def test_failures_in_a_row_open_it_however_many_calls_went_well_before() -> None:
    breaker = Breaker("x", FakeClock().monotonic)
    for _ in range(1000):
        call(breaker)
    for _ in range(4):
        call(breaker, failed=True)
    assert (breaker.state, breaker.doubted) == (State.CLOSED, True)
    call(breaker, failed=True)
    assert breaker.state is State.OPEN


def test_an_answer_ends_the_doubt_and_so_does_reassurance() -> None:
    breaker = Breaker("x", FakeClock().monotonic)
    for end in (lambda: call(breaker), breaker.reassure):
        breaker.doubt()
        assert breaker.doubted
        end()
        assert not breaker.doubted


def opened(clock: FakeClock) -> Breaker:
    breaker = Breaker("x", clock.monotonic)
    for _ in range(5):
        call(breaker, failed=True)
    return breaker


def test_an_open_breaker_lets_nobody_in_until_its_pause_is_over_and_then_a_few_probes() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    with pytest.raises(Unavailable, match="x is not answering"):
        breaker.enter()
    clock.advance(1.0)
    probes = [breaker.enter() for _ in range(3)]
    assert (probes, breaker.allows()) == ([True] * 3, False)
    for probe in probes:
        breaker.leave(probe)
    assert breaker.state is State.CLOSED


def test_one_failed_probe_opens_it_for_twice_as_long() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(1.0)
    together = [breaker.enter(), breaker.enter()]
    for probe in together:
        breaker.leave(probe, failed=True)
    clock.advance(1.9)
    assert breaker.state is State.OPEN
    clock.advance(0.1)
    assert (breaker.state, breaker.opened) == (State.HALF_OPEN, 2)


def test_one_that_opens_again_soon_after_it_closed_stays_open_for_longer() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(1.0)
    for _ in range(3):
        call(breaker)
    assert breaker.state is State.CLOSED
    for _ in range(5):
        call(breaker, failed=True)
    clock.advance(1.9)
    assert (breaker.state, breaker.retry_after) == (State.OPEN, 1.0)
    clock.advance(60)
    for _ in range(3):
        call(breaker)
    clock.advance(60)
    for _ in range(5):
        call(breaker, failed=True)
    clock.advance(1.0)
    assert breaker.state is State.HALF_OPEN


def test_a_probe_that_was_given_up_decides_nothing_and_makes_room() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(1.0)
    for _ in range(5):
        breaker.leave(breaker.enter(), counted=False)
    assert breaker.state is State.HALF_OPEN
    assert breaker.allows()


def test_a_budget_is_a_share_of_the_calls_with_a_minimum() -> None:
    clock = FakeClock()
    budget = Budget(0.2, 3, clock.monotonic)
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]
    for _ in range(25):
        budget.count()
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    clock.advance(10)
    assert budget.spend()


def load(limit: AdaptiveLimit, clock: FakeClock, seconds: float, windows: int, at_once: int = 40) -> int:
    """`at_once` calls at a time, as far as they are let in, each of them `seconds` long; how many were not."""
    turned_away = 0
    for _ in range(windows):
        entered = sum(limit.enter(1.0) for _ in range(at_once))
        turned_away += at_once - entered
        clock.advance(max(0.1, seconds))
        for _ in range(entered):
            limit.leave("op", seconds)
    return turned_away


def test_the_limit_grows_while_it_is_used_and_calls_stay_quick() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(clock.monotonic)
    load(limit, clock, 0.01, windows=20, at_once=2000)
    load(limit, clock, 0.01, windows=2, at_once=10)
    grown = limit.limit
    assert INITIAL < grown <= HIGHEST
    load(limit, clock, 0.01, windows=20, at_once=10)
    assert limit.limit == grown


def test_the_limit_falls_when_calls_queue_and_recovers() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(clock.monotonic)
    load(limit, clock, 0.01, windows=3)
    load(limit, clock, 0.2, windows=40)
    fallen = limit.limit
    load(limit, clock, 0.01, windows=40)
    assert LOWEST <= fallen < INITIAL / 2
    assert limit.limit > 2 * fallen


def test_slow_operations_do_not_count_as_queues() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(clock.monotonic)
    for _ in range(20):
        for name, seconds in (("quick", 0.002), ("slow", 0.3)):
            entered = sum(limit.enter(1.0) for _ in range(30))
            clock.advance(0.1)
            for _ in range(entered):
                limit.leave(name, seconds)
    assert limit.limit >= INITIAL


def test_the_usual_time_is_measured_anew_at_less_load() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(clock.monotonic, chance=lambda: 0.5)
    load(limit, clock, 0.01, windows=2)
    clock.advance(60)
    load(limit, clock, 0.05, windows=1, at_once=20)  # the upstream has become slower for good
    load(limit, clock, 0.05, windows=30)
    assert limit.limit >= INITIAL / 2


def asked_too_much(limit: AdaptiveLimit, clock: FakeClock, seconds: float, service: float, operations: int) -> None:
    """More is asked than a server that takes one call after the other can answer, for so long."""
    line: deque[float] = deque()
    for number in range(int(seconds / service)):
        while limit.enter(1.0):
            line.append(clock.monotonic())
        clock.advance(service)
        limit.leave(f"op{number % operations}", clock.monotonic() - line.popleft())


@pytest.mark.parametrize("operations", [1, 4, 12])
@pytest.mark.parametrize("service", [0.01, 0.05])
def test_a_queue_that_is_always_there_does_not_come_to_pass_for_usual(service: float, operations: int) -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(clock.monotonic)
    asked_too_much(limit, clock, 600.0, service, operations)
    assert limit.limit < INITIAL / 2


def test_little_load_is_waited_for_before_the_limit_is_brought_down_to_measure() -> None:
    clock = FakeClock()
    limit = AdaptiveLimit(clock.monotonic, chance=lambda: 0.5)
    for _ in range(20):  # of seven seconds, of which one has little load
        assert load(limit, clock, 0.01, windows=60) == 0
        load(limit, clock, 0.01, windows=10, at_once=10)


def test_the_public_is_turned_away_before_users_and_users_before_those_who_sign_in() -> None:
    limit = AdaptiveLimit(FakeClock().monotonic)
    admitted = []
    for kind in (Criticality.PUBLIC, Criticality.USER, Criticality.AUTH):
        while limit.enter(kind.share):
            pass
        admitted.append(limit.in_flight)
    assert admitted == sorted(set(admitted))
    assert limit.in_flight == int(INITIAL)


@pytest.mark.parametrize(
    ("rpc", "kind"),
    [("Login", Criticality.AUTH), ("BroadcastToAll", Criticality.USER), ("ListPrices", Criticality.PUBLIC)],
)
def test_the_class_of_an_operation_follows_from_its_area_and_access(rpc: str, kind: Criticality) -> None:
    operation = next(item for item in OPERATIONS if item.name.endswith(f".{rpc}"))
    assert criticality_of(operation.area, operation.policy) is kind


def test_the_95th_percentile_is_told_once_enough_is_known() -> None:
    latencies = Latencies()
    for number in range(39):
        latencies.add("op", number / 1000)
    assert latencies.p95("op") is None
    for number in range(39, 100):
        latencies.add("op", number / 1000)
    assert latencies.p95("op") == pytest.approx(0.095)


async def passed(exchange: Exchange) -> Answer:
    return Answer(200, [])


@pytest.mark.parametrize(("lag", "served"), [(0.0, True), (0.15, True), (0.2, True), (0.25, False), (5.0, False)])
async def test_the_later_the_loop_the_more_public_requests_are_turned_away(lag: float, served: bool) -> None:
    late = LoopLag()
    late.seconds = lag
    operation = next(item for item in OPERATIONS if item.name.endswith(".ListPrices"))
    route = Route("GET", "/api/prices", passed, operation.policy, area="prices")
    admission = Admission(passed, late, chance=lambda: 0.5)
    if served:
        assert (await admission(exchange(route=route))).status == 200
    else:
        with pytest.raises(Overloaded):
            await admission(exchange(route=route))


async def test_pages_of_the_gateway_itself_are_never_turned_away() -> None:
    late = LoopLag()
    late.seconds = 60.0
    assert (await Admission(passed, late)(exchange())).status == 200


@pytest.mark.parametrize(("text", "seconds"), [("2", 2.0), ("0.5", 0.5), ("1e9", 60.0), ("0.0001", 0.01)])
def test_time_limits_of_clients_are_brought_within_bounds(text: str, seconds: float) -> None:
    assert parse_timeout(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", "0", "nan", "2s"])
def test_time_limits_that_are_no_positive_numbers_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="request-timeout must be"):
        parse_timeout(text)


async def ended(outcome: bytes | Exception) -> bytes:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


@pytest.mark.parametrize("outcomes", [(Unavailable(), b"1"), (b"1", Unavailable()), (NotFound(), b"1")])
async def test_of_two_calls_that_end_together_the_one_that_went_well_counts(outcomes: tuple[bytes, bytes]) -> None:
    for _ in range(20):  # a set has no order
        first, second = (started(ended(outcome)) for outcome in outcomes)
        await asyncio.wait({first, second})
        assert await first_answer(first, second) == b"1"
