"""Calls to upstreams: deadlines, retries, hedges, and who is turned away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from services.gateway.balancing.verdict import Verdict
from services.gateway.resilience.criticality import Overloaded
from services.gateway.transcoding.catalog import Operation
from services.gateway.upstreams import Upstream
from services.kit.breaker import State
from services.kit.caller import Caller
from services.kit.clock import SystemClock
from services.kit.errors import CryptoVaultError, DeadlineExceeded, NotFound, Unavailable
from tests.unit.gateway.harness import OPERATIONS, USER, Harness

REDUCED = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"


def operation(rpc: str) -> Operation:
    return next(item for item in OPERATIONS if item.name.endswith(f".{rpc}"))


@pytest.fixture
async def upstream(harness: Harness) -> AsyncIterator[Upstream]:
    """The prices service of the harness, with real time and generous hedging."""
    async with Upstream.open("prices", harness.addresses["prices"], SystemClock(), hedge_share=0.5) as upstream:
        yield upstream


async def get(upstream: Upstream, rpc: str = "ListPrices", **options: Any) -> bytes:
    return await upstream.call(operation(rpc), b"", Caller(), **options)


async def test_retries_stop_when_their_budget_is_used_up(harness: Harness, upstream: Upstream) -> None:
    harness.prices.failures = [Unavailable("away")] * 100
    for _ in range(10):
        with pytest.raises(Unavailable):
            await get(upstream)
    assert (harness.prices.calls, upstream.retries.spent) == (10 + 3, 3)


async def test_what_the_service_has_decided_is_not_tried_again(harness: Harness, upstream: Upstream) -> None:
    harness.prices.failures = [NotFound("no such thing")]
    with pytest.raises(NotFound):
        await get(upstream)
    assert harness.prices.calls == 1


async def test_a_deadline_of_the_client_ends_the_call_and_says_nothing_against_the_service(
    harness: Harness, upstream: Upstream
) -> None:
    harness.prices.delay = 3.0
    for _ in range(6):
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="prices did not answer in time"):
            await get(upstream, deadline=time.monotonic() + 0.05)
        assert time.monotonic() - began < 2.0
    assert upstream.balancer.state is State.CLOSED


async def test_calls_cut_short_by_clients_leave_the_limit_of_all_as_it_is(
    harness: Harness, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float | None] = []
    monkeypatch.setattr(upstream.limit, "leave", lambda _, seconds: told.append(seconds))
    await get(upstream)
    harness.prices.delay = 3.0
    with pytest.raises(DeadlineExceeded):
        await get(upstream, deadline=time.monotonic() + 0.02)
    assert (told[0] is not None, told[1:]) == (True, [None])


async def test_writes_leave_no_hedges_to_reads(harness: Harness) -> None:
    async with Upstream.open("auth", harness.addresses["auth"], SystemClock(), hedge_share=0.5) as auth:
        for _ in range(10):
            with suppress(CryptoVaultError):
                await get(auth, "Login")
        assert not auth.hedges.spend()


async def test_a_read_that_takes_unusually_long_is_asked_a_second_time(harness: Harness, upstream: Upstream) -> None:
    for _ in range(40):
        await get(upstream)
    harness.prices.slow_calls = [3.0]
    began = time.monotonic()
    await get(upstream)
    assert time.monotonic() - began < 2.0
    assert upstream.hedges.spent >= 1


async def test_what_a_client_that_leaves_has_asked_for_ends_by_itself(harness: Harness, upstream: Upstream) -> None:
    harness.prices.delay = 0.2
    asking = asyncio.create_task(get(upstream))
    while not harness.prices.calls:
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert upstream.limit.in_flight == 1
    while upstream.limit.in_flight:
        await asyncio.sleep(0.01)


async def test_a_client_that_leaves_while_it_waits_for_room_has_asked_for_nothing(
    harness: Harness, upstream: Upstream
) -> None:
    upstream.limit.limit = 2.0
    harness.prices.delay = 0.2
    answered = [asyncio.create_task(get(upstream)) for _ in range(2)]
    while harness.prices.calls < 2:
        await asyncio.sleep(0.01)
    leaving = asyncio.create_task(get(upstream))
    await asyncio.sleep(0.01)
    leaving.cancel()
    await asyncio.gather(*answered)
    await asyncio.sleep(0.05)
    assert (leaving.cancelled(), harness.prices.calls, upstream.limit.in_flight) == (True, 2, 0)


async def test_hedges_stay_within_their_budget(harness: Harness) -> None:
    async with Upstream.open("prices", harness.addresses["prices"], SystemClock(), hedge_share=0.0) as careful:
        for _ in range(40):
            await get(careful)
        harness.prices.slow_calls = [0.1]
        await get(careful)
    assert (careful.hedges.spent, harness.prices.calls) == (0, 41)


async def test_a_full_upstream_turns_reads_away_before_sign_ins(harness: Harness, upstream: Upstream) -> None:
    upstream.limit.limit = 2.0
    harness.prices.delay = 0.5
    waiting = [asyncio.create_task(get(upstream)) for _ in range(2)]
    await asyncio.sleep(0.03)
    with pytest.raises(Overloaded):
        await get(upstream)
    assert len(await asyncio.gather(*waiting)) == 2
    assert (upstream.limit.in_flight, upstream.statistics().shed, upstream.retries.spent) == (0, 1, 0)


async def test_nobody_waits_for_room_below_the_limit_of_a_service_of_which_nobody_may_be_called(
    harness: Harness, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.resilience.queue.BURST", 60.0)
    upstream.limit.limit = 2.0
    harness.prices.delay = 0.5
    hanging = [asyncio.create_task(get(upstream)) for _ in range(2)]
    while harness.prices.calls < 2:
        await asyncio.sleep(0.01)
    (replica,) = upstream.balancer.replicas
    for _ in range(5):
        replica.leave(replica.enter(), Verdict.AWAY)
    with pytest.raises(Unavailable):
        await get(upstream)
    assert upstream.limit.in_flight == 2
    await asyncio.gather(*hanging)


async def test_a_burst_is_no_overload(harness: Harness, upstream: Upstream) -> None:
    upstream.limit.limit = 10.0
    harness.prices.delay = 0.003
    answers = await asyncio.gather(*(get(upstream) for _ in range(40)))
    assert len(answers) == 40
    assert (upstream.statistics().waited > 0, upstream.statistics().shed) == (True, 0)


async def test_a_client_is_told_that_capacity_is_reduced_and_when_to_come_back(harness: Harness) -> None:
    harness.upstreams["auth"].limit.limit = 0.0
    answer = await harness.client.get("/api/auth/me", headers=USER)
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["type"]) == (503, "1", REDUCED)


async def test_a_client_that_will_not_wait_gets_504_in_time(harness: Harness) -> None:
    harness.prices.delay = 3.0
    answer = await harness.client.get("/api/prices", headers={"request-timeout": "0.05"})
    assert answer.status_code == 504
    wrong = await harness.client.get("/api/prices", headers={"request-timeout": "soon"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "request-timeout")


async def test_health_says_when_calls_to_a_service_fail_though_it_calls_itself_well(harness: Harness) -> None:
    breaker = harness.upstreams["prices"].balancer.replicas[0].breaker
    for _ in range(5):
        breaker.leave(breaker.enter(), failed=True)
    report = (await harness.client.get("/health")).json()
    assert (report["status"], report["components"]["prices"]["status"]) == ("degraded", "degraded")
    assert "circuit breaker" in report["components"]["prices"]["detail"]
