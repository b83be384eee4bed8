"""Candles from trades, by the exchange's time: late trades revise them, gaps mark them, nothing is counted twice."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from services.prices.domain.events import Trade
from services.prices.domain.seen import SeenNumbers

SECOND = 1_000_000_000  # nanoseconds
INTERVAL = 60  # seconds: longer candles are rolled up from these
GRACE = 2.0  # seconds: venues differ that much in how late they report a trade
KEPT = 15 * 60  # seconds of candles that a late trade can still revise


class Candle(msgspec.Struct, gc=False):
    """Open, high, low, close and volume of one interval. `open_time` in seconds since 1970.

    revision: how often it changed after it was closed.  complete: no feed of the symbol was away inside it.
    """

    open_time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int
    first_at: int
    last_at: int
    closed: bool = False
    revision: int = 0
    complete: bool = True

    def add(self, price: Decimal, size: Decimal, at: int) -> None:
        """Count one trade that happened `at` (ns). Earlier than the first it opens the candle, not earlier than the
        last it closes it.
        """
        if at < self.first_at:
            self.first_at, self.open = at, price
        if at >= self.last_at:
            self.last_at, self.close = at, price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.volume += size
        self.trades += 1
        if self.closed:
            self.revision += 1


class SymbolCandles:
    """The candles of one symbol that can still change, over all venues that trade it."""

    def __init__(self) -> None:
        self.candles: dict[int, Candle] = {}
        self.changed: set[int] = set()
        self._seen: dict[str, SeenNumbers] = {}
        self._newest_event = 0
        self._newest_received = 0.0

    @property
    def venues(self) -> Iterable[str]:
        """The venues whose trades are counted."""
        return self._seen.keys()

    def expect(self, venue: str) -> None:
        """Count the trades of one more venue."""
        self._seen.setdefault(venue, SeenNumbers())

    def add(self, venue: str, trade: Trade, received: float, complete: bool) -> bool:
        """Count a trade; `complete` tells whether all feeds are up. False when it is repeated or far too late."""
        open_time = trade.event_time // (INTERVAL * SECOND) * INTERVAL
        if open_time * SECOND < self._newest_event - KEPT * SECOND or not self._seen[venue].add(trade.trade_id):
            return False
        candle = self.candles.get(open_time)
        if candle is None:
            started = bool(self.candles)  # the first candle began before we listened
            self.candles[open_time] = _begin(open_time, trade, complete and started)
        else:
            candle.add(trade.price, trade.size, trade.event_time)
        self.changed.add(open_time)
        if trade.event_time >= self._newest_event:
            self._newest_event, self._newest_received = trade.event_time, received
        return True

    def resume(self, candle: Candle) -> None:
        """Go on with a candle that another ingester began. Trades in between may be missing."""
        candle.complete = False
        self.candles.setdefault(candle.open_time, candle)

    def interrupted(self) -> None:
        """A feed went away: what is running will lack trades."""
        for open_time, candle in self.candles.items():
            if not candle.closed and candle.complete:
                candle.complete = False
                self.changed.add(open_time)

    def close_due(self, now: float) -> None:
        """Close candles that are over by the exchange's clock, as read off the newest trade; forget the oldest."""
        exchange_now = self._newest_event / SECOND + (now - self._newest_received)
        for open_time, candle in list(self.candles.items()):
            if not candle.closed and exchange_now >= open_time + INTERVAL + GRACE:
                candle.closed = True
                self.changed.add(open_time)
            elif candle.closed and exchange_now > open_time + KEPT and open_time not in self.changed:
                self._forget(open_time)

    def _forget(self, open_time: int) -> None:
        if len(self.candles) > 1:  # the last one stays, so that a quiet symbol still knows that it has begun
            del self.candles[open_time]

    def drain(self) -> list[Candle]:
        """The candles that changed since the last call, as they are now."""
        changed = [msgspec.structs.replace(self.candles[open_time]) for open_time in sorted(self.changed)]
        self.changed.clear()
        return changed


def _begin(open_time: int, trade: Trade, complete: bool) -> Candle:
    return Candle(
        open_time=open_time,
        open=trade.price,
        high=trade.price,
        low=trade.price,
        close=trade.price,
        volume=trade.size,
        trades=1,
        first_at=trade.event_time,
        last_at=trade.event_time,
        complete=complete,
    )


class CandleBook:
    """One-minute candles of all symbols, from the trades of all venues that list them.

    Every venue's trades count alike: the volume is that of all venues, high and low are the extremes seen anywhere.
    """

    def __init__(self) -> None:
        self._symbols: dict[str, SymbolCandles] = {}
        self._away: set[str] = set()
        self.repeated = 0  # trades not counted, because they had been before or came far too late

    def expect(self, symbol: str, venue: str) -> None:
        """Count the trades of a symbol at a venue."""
        self._symbols.setdefault(symbol, SymbolCandles()).expect(venue)

    def add(self, venue: str, trade: Trade, received: float) -> None:
        """Count a trade, unless the venue only repeated it on subscribing."""
        if trade.replayed:
            return
        candles = self._symbols[trade.symbol]
        if not candles.add(venue, trade, received, complete=self._away.isdisjoint(candles.venues)):
            self.repeated += 1

    def venue_left(self, venue: str) -> None:
        """A feed is away: candles that run until it is back may lack trades."""
        self._away.add(venue)
        for candles in self._symbols.values():
            if venue in candles.venues:
                candles.interrupted()

    def venue_came(self, venue: str) -> None:
        """A feed is back; candles that begin from now on are complete."""
        self._away.discard(venue)

    def resume(self, symbol: str, candle: Candle) -> None:
        """Go on with a candle that another ingester began."""
        self._symbols.setdefault(symbol, SymbolCandles()).resume(candle)

    def drain(self, now: float) -> list[tuple[str, Candle]]:
        """Close what is over at `now` (monotonic seconds), and take every candle that changed since the last call."""
        changed: list[tuple[str, Candle]] = []
        for symbol, candles in self._symbols.items():
            candles.close_due(now)
            changed += ((symbol, candle) for candle in candles.drain())
        return changed

    def recent(self, symbol: str) -> list[Candle]:
        """The candles of a symbol that are still in memory, oldest first."""
        candles = self._symbols.get(symbol)
        return [msgspec.structs.replace(candles.candles[at]) for at in sorted(candles.candles)] if candles else []
