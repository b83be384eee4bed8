from decimal import Decimal
from itertools import count

import pytest

from services.prices.domain.candles import SECOND, CandleBook
from services.prices.domain.events import Trade

MINUTE = 60
ids = count(1)
START = 1_700_000_040  # the start of a minute, in seconds since 1970


def trade(price, *, at=0.0, size="1", replayed=False):
    number = next(ids)
    when = round((START + at) * SECOND)
    return Trade("BTC-USD", Decimal(price), Decimal(size), "buy", number, when, replayed)


@pytest.fixture
def book():
    book = CandleBook()
    book.expect("BTC-USD", "binance")
    book.expect("BTC-USD", "kraken")
    return book


def only(book, now=0.0):
    [(_, candle)] = book.drain(now)
    return candle


def test_a_candle_counts_the_trades_of_all_venues(book):
    book.add("binance", trade(100, at=1), 1.0)
    book.add("kraken", trade(103, at=2), 2.0)
    book.add("binance", trade(99, at=3, size="0.5"), 3.0)
    candle = only(book, 3.0)
    assert (candle.open, candle.high, candle.low, candle.close) == (100, 103, 99, 99)
    assert (candle.volume, candle.trades, candle.closed) == (Decimal("2.5"), 3, False)


def test_a_late_trade_counts_in_its_own_minute_and_does_not_move_the_close(book):
    book.add("binance", trade(100, at=2), 2.0)
    book.add("kraken", trade(50, at=1), 2.1)
    candle = only(book, 2.1)
    assert (candle.open, candle.low, candle.close) == (50, 50, 100)


def test_a_trade_with_the_same_id_counts_once(book):
    again = trade(100, at=1)
    book.add("binance", again, 1.0)
    book.add("binance", again, 61.0)
    assert (only(book, 1.0).trades, book.repeated) == (1, 1)


def test_a_trade_repeated_on_subscribing_is_in_no_candle(book):
    book.add("binance", trade(100, replayed=True), 1.0)
    assert book.drain(1.0) == []


def test_a_candle_closes_by_the_exchanges_clock_after_a_grace(book):
    book.add("binance", trade(100, at=58), 1000.0)
    assert not only(book, 1001.0).closed
    assert book.drain(1003.9) == []
    assert only(book, 1004.0).closed


def test_a_trade_after_the_close_revises_the_candle(book):
    book.add("binance", trade(100, at=58), 1000.0)
    assert only(book, 1004.0).revision == 0
    book.add("kraken", trade(105, at=59), 1005.0)
    revised = only(book, 1005.0)
    assert (revised.revision, revised.closed, revised.close) == (1, True, 105)


def test_the_first_candle_is_incomplete_and_the_next_is_complete(book):
    book.add("binance", trade(100, at=30), 30.0)
    book.add("binance", trade(100, at=70), 70.0)
    assert [candle.complete for _, candle in book.drain(70.0)] == [False, True]


def test_a_feed_that_goes_away_makes_the_running_candle_and_those_until_its_return_incomplete(book):
    book.add("binance", trade(100, at=0), 0.0)
    book.add("binance", trade(100, at=61), 61.0)
    book.venue_left("kraken")
    book.add("binance", trade(100, at=121), 121.0)
    book.venue_came("kraken")
    book.add("binance", trade(100, at=181), 181.0)
    assert [candle.complete for _, candle in book.drain(181.0)] == [False, False, False, True]


def test_a_feed_that_does_not_trade_the_symbol_leaves_its_candles_complete(book):
    book.add("binance", trade(100, at=0), 0.0)
    book.venue_left("coinbase")
    book.add("binance", trade(100, at=61), 61.0)
    assert book.drain(61.0)[-1][1].complete


def test_only_changed_candles_are_drained(book):
    book.add("binance", trade(100), 1.0)
    assert len(book.drain(1.0)) == 1
    assert book.drain(1.1) == []


def test_a_taken_over_candle_goes_on_and_is_incomplete(book):
    book.add("binance", trade(100, at=1), 1.0)
    begun = only(book, 1.0)
    successor = CandleBook()
    successor.expect("BTC-USD", "binance")
    successor.resume("BTC-USD", begun)
    successor.add("binance", trade(110, at=2), 1.0)
    candle = only(successor, 1.0)
    assert (candle.open, candle.close, candle.trades, candle.complete) == (100, 110, 2, False)


def test_old_candles_leave_memory_but_the_newest_stays(book):
    book.add("binance", trade(100, at=0), 0.0)
    book.add("binance", trade(100, at=61), 61.0)
    for now in (200.0, 5000.0):
        book.drain(now)
    assert [candle.open_time for candle in book.recent("BTC-USD")] == [START + MINUTE]
