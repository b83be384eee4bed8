"""One-minute bars from trades, and what is derived from them."""

from decimal import Decimal

from simulator.bars import KEPT, MinuteBars, day_stats, fill_gaps, roll_up, sum_up
from simulator.market import Bar, Trade


def trade(trade_id, second, price, size="1", side="buy"):
    return Trade("v", "s", Decimal(price), Decimal(size), side, trade_id, second * 1_000_000_000, 0)


def filled(*trades):
    bars = MinuteBars()
    for item in trades:
        bars.add(item)
    return list(bars.between(0, 1 << 40))


def test_a_bar_holds_the_trades_of_its_minute():
    bars = filled(trade(1, 60, "10"), trade(2, 70, "12", "2", "sell"), trade(3, 119, "9"), trade(4, 120, "11"))
    assert bars == [Bar(60, 10, 12, 9, 9, 4, 43, 3, 2), Bar(120, 11, 11, 11, 11, 1, 11, 1, 1)]


def test_a_trade_that_was_counted_changes_nothing():
    assert filled(trade(1, 60, "10"), trade(2, 61, "11"), trade(1, 60, "10")) == [Bar(60, 10, 11, 10, 11, 2, 21, 2, 2)]


def test_a_late_trade_goes_to_its_own_minute():
    bars = filled(trade(1, 60, "10"), trade(2, 120, "11"), trade(3, 62, "8"))
    assert [(bar.open_time, bar.low, bar.trades) for bar in bars] == [(60, 8, 2), (120, 11, 1)]


def test_only_about_a_day_is_kept():
    bars = filled(*(trade(number, 60 * number, "10") for number in range(1, 4000)))
    assert bars[-1].open_time == 3999 * 60
    assert KEPT <= len(bars) <= KEPT + 60


def test_longer_bars_begin_at_whole_multiples():
    minutes = [Bar(60 * n, n, n + 1, n - 1, n, 2.0, 3.0, 4, 1.0) for n in range(4, 7)]
    assert roll_up(minutes, 300) == [Bar(0, 4, 5, 3, 4, 2, 3, 4, 1), Bar(300, 5, 7, 4, 6, 4, 6, 8, 2)]


def test_empty_intervals_are_filled_with_the_close_before():
    gap = [Bar(0, 1, 1, 1, 7, 1.0, 1.0, 1, 1.0), Bar(120, 2, 2, 2, 2, 1.0, 1.0, 1, 1.0)]
    assert fill_gaps(gap, 60)[1] == Bar(60, 7, 7, 7, 7, 0.0, 0.0, 0, 0.0)


def test_day_statistics_without_trades_are_zero():
    stats = day_stats(sum_up([]))
    assert (stats.trades, stats.last, stats.average, stats.change_percent) == (0, 0.0, 0.0, 0.0)
