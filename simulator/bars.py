"""One-minute bars built from trades, kept compactly, and what is derived from them."""

import itertools
from array import array
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from simulator.market import NANOSECOND_PER_SECOND, Bar, DayStats, Trade
from simulator.times import DAY, MINUTE

WIDTH = 9  # numbers a bar takes in the array: the fields of Bar
KEPT = DAY // MINUTE + 60  # bars kept; the hour on top lets the oldest go in batches


class MinuteBars:
    """The bars of one market: 72 bytes each, the oldest forgotten after a day.

    Trades are told apart by id: one that was counted before (a recording that starts over) changes nothing.
    """

    def __init__(self) -> None:
        self._rows = array("d")
        self._last_trade_id = -1

    def add(self, trade: Trade) -> None:
        """Count a trade in the minute of its own time. A late trade goes to the bar it belongs to, if still kept."""
        if trade.trade_id <= self._last_trade_id:
            return
        self._last_trade_id = trade.trade_id
        minute = trade.event_ns // NANOSECOND_PER_SECOND // MINUTE * MINUTE
        offset = self._row_of(minute, float(trade.price))
        if offset is not None:
            self._merge(offset, trade)

    def _row_of(self, minute: int, price: float) -> int | None:
        rows = self._rows
        offset = len(rows) - WIDTH
        while offset >= 0 and rows[offset] > minute:
            offset -= WIDTH
        if offset >= 0 and rows[offset] == minute:
            return offset
        if offset != len(rows) - WIDTH:
            return None
        if len(rows) >= (KEPT + 60) * WIDTH:
            del rows[: 60 * WIDTH]
        rows.extend((minute, price, price, price, price, 0.0, 0.0, 0.0, 0.0))
        return len(rows) - WIDTH

    def _merge(self, offset: int, trade: Trade) -> None:
        rows, price, size = self._rows, float(trade.price), float(trade.size)
        rows[offset + 2] = max(rows[offset + 2], price)
        rows[offset + 3] = min(rows[offset + 3], price)
        rows[offset + 4] = price
        rows[offset + 5] += size
        rows[offset + 6] += price * size
        rows[offset + 7] += 1
        if trade.side == "buy":
            rows[offset + 8] += size

    def between(self, start: int, end: int) -> Iterator[Bar]:
        """Bars with start <= open_time < end, oldest first."""
        rows = self._rows
        for offset in range(0, len(rows), WIDTH):
            if start <= rows[offset] < end:
                yield _bar(rows[offset : offset + WIDTH])

    def since(self, start: int) -> list[Bar]:
        """Bars with start <= open_time, oldest first; quick when they are few."""
        rows, offset = self._rows, len(self._rows)
        while offset and rows[offset - WIDTH] >= start:
            offset -= WIDTH
        return [_bar(rows[at : at + WIDTH]) for at in range(offset, len(rows), WIDTH)]

    def latest(self) -> Bar | None:
        """The newest bar, which may still grow."""
        return _bar(self._rows[-WIDTH:]) if self._rows else None


def _bar(row: "array[float]") -> Bar:
    open_time, open_, high, low, close, volume, quote_volume, trades, taker_buy = row
    return Bar(int(open_time), open_, high, low, close, volume, quote_volume, int(trades), taker_buy)


def roll_up(bars: Iterable[Bar], seconds: int) -> list[Bar]:
    """Bars of a longer interval, each beginning at a whole multiple of it since 1970."""
    groups = itertools.groupby(bars, key=lambda bar: bar.open_time // seconds * seconds)
    wholes = ((begin, sum_up(list(group))) for begin, group in groups)
    return [msgspec.structs.replace(whole, open_time=begin) for begin, whole in wholes if whole]


def fill_gaps(bars: Iterable[Bar], seconds: int) -> list[Bar]:
    """The same bars with empty intervals filled by the previous close, as Binance and Kraken serve them."""
    filled: list[Bar] = []
    for bar in bars:
        while filled and filled[-1].open_time + seconds < bar.open_time:
            close = filled[-1].close
            filled.append(Bar(filled[-1].open_time + seconds, close, close, close, close, 0.0, 0.0, 0, 0.0))
        filled.append(bar)
    return filled


def sum_up(bars: Sequence[Bar]) -> Bar | None:
    """One bar over all of them, oldest first; None when there are none."""
    if not bars:
        return None
    return Bar(
        bars[0].open_time,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
        sum(bar.quote_volume for bar in bars),
        sum(bar.trades for bar in bars),
        sum(bar.taker_buy_volume for bar in bars),
    )


def day_stats(whole: Bar | None) -> DayStats:
    """The statistics that one bar over a day holds; all zero without one."""
    if whole is None:
        return DayStats()
    return DayStats(whole.open, whole.high, whole.low, whole.close, whole.volume, whole.quote_volume, whole.trades)
