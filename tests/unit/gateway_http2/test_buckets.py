"""The token bucket and the patience with slow clients."""

from services.gateway.http2.buckets import TokenBucket
from services.gateway.http2.patience import Patience


def test_a_bucket_lets_a_burst_through_and_then_what_flows_in() -> None:
    bucket = TokenBucket(burst=3, rate=2, now=0.0)
    assert [bucket.take(1, 0.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(1, 0.5)
    assert bucket.take(1, 1.5)


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    bucket = TokenBucket(burst=2, rate=1, now=0.0)
    bucket.earn(100)
    assert bucket.take(2, 1000.0)
    assert not bucket.take(1, 1000.0)


def lost(patience: Patience, now: float, moved: int, *, its_turn: bool = True) -> bool:
    return patience.lost(now, 10.0, 100, moved, its_turn=its_turn)


def test_who_moves_enough_in_each_span_is_waited_for() -> None:
    patience = Patience()
    assert not any(lost(patience, float(now), moved=now * 10) for now in range(0, 60))


def test_who_moves_less_in_a_span_is_given_up_when_it_has_passed() -> None:
    patience = Patience()
    assert [lost(patience, float(now), moved=now) for now in (0, 5, 9, 10)] == [False, False, False, True]


def test_who_is_given_up_is_so_once_a_span() -> None:
    patience = Patience()
    assert [now for now in range(0, 31) if lost(patience, float(now), moved=0)] == [10, 20, 30]


def test_patience_begins_anew_when_it_is_the_client_s_turn_again() -> None:
    patience = Patience()
    lost(patience, 0.0, 0)
    lost(patience, 9.0, 0, its_turn=False)
    assert not lost(patience, 11.0, 0)
    assert lost(patience, 21.0, 0)


def test_a_span_of_zero_is_patience_for_ever() -> None:
    patience = Patience()
    assert not any(patience.lost(now, 0.0, 100, 0, its_turn=True) for now in (0.0, 1e9))
