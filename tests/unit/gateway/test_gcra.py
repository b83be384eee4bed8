"""The generic cell rate algorithm and how a limit is shared out: pure arithmetic."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.limits.account import lease_bound
from services.gateway.limits.gcra import MICROSECONDS, Limit, Rule, decide, share

MINUTE = Limit(60, 60)
START = MICROSECONDS


def test_a_burst_of_the_whole_quota_passes_and_then_one_request_an_interval() -> None:
    allowed, arrival = [], 0
    for _ in range(61):
        decision, arrival = decide(MINUTE, arrival, START)
        allowed.append(decision.allowed)
    assert allowed == [True] * 60 + [False]
    assert (decision.remaining, decision.reset, decision.retry_after) == (0, 60.0, 1.0)
    decision, arrival = decide(MINUTE, arrival, START + MICROSECONDS)
    assert decision.allowed
    assert not decide(MINUTE, arrival, START + MICROSECONDS)[0].allowed


def test_the_quota_is_whole_again_when_the_reset_time_has_passed() -> None:
    spent, arrival = decide(MINUTE, 0, START, cost=10)
    assert (spent.remaining, spent.reset) == (50, 10.0)
    assert decide(MINUTE, arrival, START + 10 * MICROSECONDS)[0].remaining == 59


def test_a_request_that_costs_more_than_is_left_is_refused_and_debits_nothing() -> None:
    _, arrival = decide(MINUTE, 0, START, cost=58)
    refused, unchanged = decide(MINUTE, arrival, START, cost=5)
    assert (refused.allowed, refused.retry_after, unchanged) == (False, 3.0, arrival)


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


@given(st.integers(1, 10_000), st.integers(1, 100))
def test_the_shares_of_all_replicas_are_the_limit_and_what_they_give_at_once_a_part_of_it(count: int, n: int) -> None:
    part = share(Rule("rule", Limit(count, 60)), n)
    at_once = part.limit.count - part.reserve // part.limit.interval
    assert n * part.limit.count <= max(count, n)
    assert n * at_once <= max(count / n, n)


def test_what_guards_a_secret_has_a_quarter_of_its_limit_to_share() -> None:
    assert share(Rule("login", Limit(20, 60), strict=True), 1).limit == Limit(5, 60)
    assert share(Rule("login", Limit(20, 60), strict=True), 9).limit == Limit(1, 60)


@pytest.mark.parametrize(
    ("count", "seconds", "replicas", "lease"),
    [(60, 60, 1, 0), (1_199, 60, 1, 0), (1_200, 60, 1, 2), (6_000, 60, 1, 10), (6_000, 60, 5, 10), (6_000, 60, 6, 0)],
)
def test_a_lease_is_100_ms_of_the_rate_and_none_below_two_units_a_replica(
    count: int, seconds: int, replicas: int, lease: int
) -> None:
    assert lease_bound(Limit(count, seconds), replicas) == lease
