from itertools import pairwise
from math import inf

import pytest

from services.kit.testing import FakeClock
from services.realtime.domain.conflation import Conflation
from services.realtime.domain.streams import Stream

PRICES = Stream("prices", 5.0)


@pytest.fixture
def clock():
    return FakeClock(100.0)


@pytest.fixture
def moments():
    """At which whoever flushes was asked to."""
    return []


@pytest.fixture
def conflation(clock, moments):
    return Conflation(clock, moments.append)


def due(conflation, clock, slot=0):
    """What may be written now, by channel."""
    return {stream.channel: changes for stream, changes in conflation.take_due(slot, clock.now)}


def writes(conflation, clock, offers):
    """When the values are written that are offered at these moments, and how long each has waited."""
    written = []
    for offered, following in zip(offers, [*offers[1:], inf], strict=True):
        clock.now = offered
        conflation.offer("prices", "BTC", offered)
        while conflation.earliest[0] < following:
            clock.now = conflation.earliest[0]
            written += [(clock.now, clock.now - changes["BTC"]) for changes in due(conflation, clock).values()]
    return written


def test_the_first_value_after_a_pause_is_due_at_once(conflation, clock):
    conflation.open(PRICES, {})
    conflation.offer("prices", "BTC", 1)
    assert due(conflation, clock) == {"prices": {"BTC": 1}}


def test_the_last_value_wins_and_what_it_replaced_is_counted(conflation, clock):
    conflation.open(PRICES, {})
    for value in (1, 2, 3):
        conflation.offer("prices", "BTC", value)
    conflation.offer("prices", "ETH", 9)
    assert due(conflation, clock) == {"prices": {"BTC": 3, "ETH": 9}}
    assert conflation.replaced == 2


def test_a_channel_that_changes_all_the_time_is_written_to_once_an_interval(conflation, clock):
    conflation.open(PRICES, {})
    written = [moment for moment, _ in writes(conflation, clock, [100 + step / 1000 for step in range(2000)])]
    steady = [later - earlier for earlier, later in pairwise(written[2:])]
    assert steady == pytest.approx([0.2] * len(steady))
    assert len(written) == 12  # one for each of eleven beats, and one in advance


@pytest.mark.parametrize("late", [0.0, 0.05, 0.1, 0.19])
def test_a_feed_as_fast_as_the_pace_does_not_wait_however_uneven_it_is(conflation, clock, late):
    conflation.open(PRICES, {})
    offers = [100 + turn / 5 + late * (turn % 3 == 1) for turn in range(50)]
    assert [wait for _, wait in writes(conflation, clock, offers)] == [0.0] * 50


def test_one_write_that_comes_late_delays_none_of_the_later_ones(conflation, clock):
    conflation.open(PRICES, {})
    conflation.offer("prices", "BTC", 100.0)
    clock.now = 100.15
    assert due(conflation, clock) == {"prices": {"BTC": 100.0}}
    assert [wait for _, wait in writes(conflation, clock, [100.2 + turn / 5 for turn in range(20)])] == [0.0] * 20


def test_channels_keep_their_own_pace(conflation, clock):
    conflation.open(Stream("slow", 1), {})
    conflation.open(Stream("fast", 10), {})
    for after, expected in ((0.0, {"slow", "fast"}), (0.0, {"slow", "fast"}), (0.5, {"fast"}), (0.5, {"slow", "fast"})):
        clock.advance(after)
        for channel in ("slow", "fast"):
            conflation.offer(channel, "BTC", clock.now)
        assert set(due(conflation, clock)) == expected


def test_what_waits_is_not_seen_yet_so_that_nothing_comes_twice(conflation, clock):
    conflation.open(PRICES, {"BTC": 1})
    conflation.offer("prices", "BTC", 2)
    assert conflation.seen(PRICES) == {"BTC": 1}
    assert due(conflation, clock) == {"prices": {"BTC": 2}}
    assert conflation.seen(PRICES) == {"BTC": 2}


def test_nothing_is_kept_for_a_channel_without_subscribers(conflation, clock):
    conflation.offer("prices", "BTC", 1)
    conflation.open(PRICES, {})
    conflation.offer("prices", "BTC", 2)
    conflation.close(PRICES)
    assert due(conflation, clock) == {}


def test_only_the_greatest_keys_are_remembered_where_that_is_asked_for(conflation, clock):
    conflation.open(Stream("candles", 5), {}, keep=1)
    for key in ("003", "001", "002"):
        conflation.offer("candles", key, 0)
    assert len(due(conflation, clock)["candles"]) == 3
    assert list(conflation.seen(Stream("candles", 5))) == ["003"]


def test_whoever_flushes_is_woken_when_a_channel_begins_to_wait_and_only_then(conflation, clock, moments):
    conflation.open(PRICES, {})
    for value in range(3):
        conflation.offer("prices", "BTC", value)
    assert (moments, conflation.earliest[0]) == ([100.0], 100.0)
    due(conflation, clock)
    assert conflation.earliest[0] == inf


def test_streams_of_a_pace_wait_for_the_same_moment_so_that_they_leave_together(conflation, clock):
    for start, channel in ((100.03, "BTC"), (100.11, "ETH")):
        clock.now = start
        conflation.open(Stream(channel, 5), {})
        for value in (1, 2):
            conflation.offer(channel, "x", value)
            assert due(conflation, clock) == {channel: {"x": value}}
        conflation.offer(channel, "x", 3)
    clock.now = conflation.earliest[0]
    assert due(conflation, clock) == {"BTC": {"x": 3}, "ETH": {"x": 3}}


def test_a_slot_is_given_what_is_due_for_its_own_subscribers_only(conflation, clock):
    for slot in (0, 1):
        conflation.open(Stream("prices", 5, slot=slot), {})
    conflation.offer("prices", "BTC", 1)
    assert conflation.earliest[1] == 0
    assert due(conflation, clock) == {"prices": {"BTC": 1}}
    assert conflation.earliest[1] == 1
