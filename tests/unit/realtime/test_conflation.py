from services.realtime.domain.conflation import Conflation
from services.realtime.domain.streams import Stream

PRICES = Stream("prices", 5.0)


def build() -> Conflation[int]:
    return Conflation(lambda moment: None)


def due(conflation: Conflation[int], now: float) -> dict[str, dict[str, int]]:
    return {stream.channel: changes for stream, changes in conflation.take_due(0, now)}


def test_the_first_value_after_a_pause_is_due_at_once():
    conflation = build()
    conflation.open(PRICES, {})
    conflation.offer("prices", "BTC", 1)
    assert due(conflation, 100.0) == {"prices": {"BTC": 1}}


def test_the_last_value_wins_and_what_it_replaced_is_counted():
    conflation = build()
    conflation.open(PRICES, {})
    for value in (1, 2, 3):
        conflation.offer("prices", "BTC", value)
    conflation.offer("prices", "ETH", 9)
    assert due(conflation, 100.0) == {"prices": {"BTC": 3, "ETH": 9}}
    assert conflation.replaced == 2


def test_a_channel_is_not_written_to_more_often_than_its_interval():
    conflation = build()
    conflation.open(PRICES, {})
    sent = 0
    for step in range(1000):  # one second of a thousand values
        conflation.offer("prices", "BTC", step)
        sent += len(due(conflation, step / 1000))
    assert sent == 5


def test_channels_keep_their_own_pace():
    conflation = build()
    conflation.open(Stream("slow", 1), {})
    conflation.open(Stream("fast", 10), {})
    for channel in ("slow", "fast"):
        conflation.offer(channel, "BTC", 1)
    assert set(due(conflation, 0.0)) == {"slow", "fast"}
    for channel in ("slow", "fast"):
        conflation.offer(channel, "BTC", 2)
    assert set(due(conflation, 0.5)) == {"fast"}
    assert set(due(conflation, 1.0)) == {"slow"}


def test_what_waits_is_not_seen_yet_so_that_nothing_comes_twice():
    conflation = build()
    conflation.open(PRICES, {"BTC": 1})
    conflation.offer("prices", "BTC", 2)
    assert conflation.seen(PRICES) == {"BTC": 1}
    assert due(conflation, 0.0) == {"prices": {"BTC": 2}}
    assert conflation.seen(PRICES) == {"BTC": 2}


def test_nothing_is_kept_for_a_channel_without_subscribers():
    conflation = build()
    conflation.offer("prices", "BTC", 1)
    conflation.open(PRICES, {})
    conflation.offer("prices", "BTC", 2)
    conflation.close(PRICES)
    assert due(conflation, 10.0) == {}


def test_only_the_greatest_keys_are_remembered_where_that_is_asked_for():
    conflation = build()
    conflation.open(Stream("candles", 5), {}, keep=1)
    for key in ("003", "001", "002"):
        conflation.offer("candles", key, 0)
    assert len(due(conflation, 0.0)["candles"]) == 3
    assert list(conflation.seen(Stream("candles", 5))) == ["003"]


def test_whoever_flushes_is_woken_when_a_channel_begins_to_wait_and_only_then():
    moments = []
    conflation = Conflation(moments.append)
    conflation.open(PRICES, {})
    for value in range(3):
        conflation.offer("prices", "BTC", value)
    assert (moments, conflation.earliest[0]) == ([float("-inf")], float("-inf"))
    due(conflation, 100.0)
    assert conflation.earliest[0] == float("inf")
    conflation.offer("prices", "BTC", 4)
    assert (moments[1:], conflation.earliest[0]) == ([100.2], 100.2)


def test_being_a_little_late_each_time_does_not_lower_the_rate():
    conflation = build()
    conflation.open(Stream("prices", 4), {})
    for turn in range(10):
        conflation.offer("prices", "BTC", turn)
        assert due(conflation, 100.0 + turn * 0.25 + 0.003 * (turn % 3)) != {}
    conflation.offer("prices", "BTC", 10)
    assert due(conflation, 102.4) == {}


def test_streams_of_a_pace_are_due_at_the_same_moments_so_that_they_leave_together():
    conflation = build()
    for start, channel in ((100.03, "BTC"), (100.11, "ETH")):
        conflation.open(Stream(channel, 5), {})
        conflation.offer(channel, "x", 1)
        assert due(conflation, start) == {channel: {"x": 1}}
        conflation.offer(channel, "x", 2)
    assert due(conflation, 100.2) == {"BTC": {"x": 2}, "ETH": {"x": 2}}


def test_a_slot_is_given_what_is_due_for_its_own_subscribers_only():
    conflation = build()
    for slot in (0, 1):
        conflation.open(Stream("prices", 5, slot=slot), {})
    conflation.offer("prices", "BTC", 1)
    assert conflation.earliest[1] == 0
    assert due(conflation, 100.0) == {"prices": {"BTC": 1}}
    assert conflation.earliest[1] == 1
