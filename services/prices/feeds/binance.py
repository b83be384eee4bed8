"""Binance spot: combined streams (developers.binance.com, "WebSocket Streams" and "Market Data endpoints").

Three streams a pair: `bookTicker` (every change of the book's top, without a time), `trade`, and `ticker` (24 hours).
The server pings each 20 s and wants a pong; at most 1,024 streams on a connection and 5 requests a second.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Generic, TypeVar

import aiohttp
import msgspec

from services.prices.domain.candles import Candle
from services.prices.domain.events import Accepted, DayStats, Event, Refused, Side, Trade
from services.prices.domain.instruments import Instrument
from services.prices.domain.numbers import places
from services.prices.feeds.base import (
    MALFORMED,
    NO_PRICE,
    UNKNOWN_CHANNEL,
    UNKNOWN_SYMBOL,
    Decode,
    FeedError,
    Session,
    candle,
    get,
    in_batches,
    price_or_none,
    quoted,
)

MILLISECOND = 1_000_000  # nanoseconds
PAIRS_PER_CONNECTION = 250  # 4 streams each stay below 1,024
STREAMS_PER_REQUEST = 100
PAUSE = 0.5  # seconds between requests: one per 250 ms was cut off, one per 500 ms was not
SILENCE_LIMIT = 60.0  # seconds: books of quiet pairs may stand still, and the loop's own pings find dead sockets
PREFIX = b'{"stream":"'
ACCEPTED = (Accepted(),)

Data = TypeVar("Data")


class Combined(msgspec.Struct, Generic[Data], gc=False):
    """The wrapper of combined streams."""

    data: Data


class BookTicker(msgspec.Struct, gc=False):
    """Best bid and ask."""

    s: str
    b: Decimal
    a: Decimal


class TradeFrame(msgspec.Struct, gc=False):
    """A trade. `m`: the buyer was the maker, so the taker sold."""

    s: str
    t: int
    p: Decimal
    q: Decimal
    T: int
    m: bool


class AggregateTrade(msgspec.Struct, gc=False):
    """Trades `f` to `l` (here last_trade) of one taker order at one price."""

    s: str
    last_trade: int = msgspec.field(name="l")
    p: Decimal
    q: Decimal
    T: int
    m: bool


class Ticker(msgspec.Struct, gc=False):
    """Statistics of the last 24 hours."""

    s: str
    o: Decimal
    v: Decimal


class Answer(msgspec.Struct, gc=False):
    """The answer to a request: `result` null when it was carried out."""

    id: int | str | None = None
    error: dict[str, int | str] | None = None


class Filter(msgspec.Struct):
    """A trading rule; only the price filter's tick size matters here."""

    filterType: str
    tickSize: Decimal | None = None


class Listed(msgspec.Struct):
    """A pair in exchangeInfo."""

    symbol: str
    status: str
    baseAsset: str
    quoteAsset: str
    filters: list[Filter] = []


# open time (ms), open, high, low, close, volume, close time, quote volume, trades, and three more
Kline = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal, int, str, int, str, str, str]


class ExchangeInfo(msgspec.Struct):
    """The answer of /api/v3/exchangeInfo."""

    symbols: list[Listed]


_book = msgspec.json.Decoder(Combined[BookTicker]).decode
_trade = msgspec.json.Decoder(Combined[TradeFrame]).decode
_aggregate = msgspec.json.Decoder(Combined[AggregateTrade]).decode
_ticker = msgspec.json.Decoder(Combined[Ticker]).decode
_answer = msgspec.json.Decoder(Answer).decode
_klines = msgspec.json.Decoder(list[Kline]).decode
_exchange_info = msgspec.json.Decoder(ExchangeInfo).decode


class Binance:
    """Binance spot.

    aggregates: also ask for aggregated trades. Some recordings hold no others; live they would only repeat `trade`.
    """

    name = "binance"

    def __init__(self, url: str, rest_url: str, *, aggregates: bool = False) -> None:
        self._url = url.rstrip("/")
        self._rest_url = rest_url.rstrip("/")
        self._streams = (
            ("bookTicker", "trade", "ticker", "aggTrade") if aggregates else ("bookTicker", "trade", "ticker")
        )

    async def instruments(self, http: aiohttp.ClientSession) -> list[Instrument]:
        """The pairs that trade."""
        try:
            info = _exchange_info(await get(http, f"{self._rest_url}/api/v3/exchangeInfo"))
        except msgspec.DecodeError as error:
            raise FeedError(f"exchangeInfo cannot be read: {error}") from error
        return [_instrument(item) for item in info.symbols if item.status == "TRADING"]

    async def candles(self, http: aiohttp.ClientSession, instrument: Instrument) -> list[Candle]:
        """The last 300 minutes."""
        url = f"{self._rest_url}/api/v3/klines?symbol={instrument.native}&interval=1m&limit=300"
        try:
            rows = _klines(await get(http, url))
        except msgspec.DecodeError as error:
            raise FeedError(f"klines cannot be read: {error}") from error
        return [candle(row[0] // 1000, *row[1:6], trades=row[8]) for row in rows]

    def sessions(self, instruments: Sequence[Instrument]) -> list[Session]:
        """One socket for each 250 pairs: the first streams in the address, the others by requests."""
        batches = in_batches([item.native for item in instruments], PAIRS_PER_CONNECTION)
        decode = Decoder({item.native: item.symbol for item in instruments}).decode
        return [self._session(batch, decode) for batch in batches]

    def _session(self, pairs: Sequence[str], decode: Decode) -> Session:
        streams = [f"{pair.lower()}@{stream}" for pair in pairs for stream in self._streams]
        first, *others = in_batches(streams, STREAMS_PER_REQUEST)
        requests = (
            msgspec.json.encode({"method": "SUBSCRIBE", "params": batch, "id": number}).decode()
            for number, batch in enumerate(others, start=1)
        )
        url = f"{self._url}/stream?streams={'/'.join(first)}"
        return Session(url, tuple(requests), PAUSE, SILENCE_LIMIT, decode)


def _instrument(listed: Listed) -> Instrument:
    tick = next((item.tickSize for item in listed.filters if item.tickSize), Decimal(1))
    return Instrument("binance", listed.symbol, listed.baseAsset, listed.quoteAsset, places(tick))


class Decoder:
    """Reads the frames of a combined connection; the stream's name decides how, so nothing is parsed twice."""

    def __init__(self, symbols: dict[str, str]) -> None:
        self._symbols = symbols
        self._by_stream = {
            b"bookTicker": self._quote,
            b"trade": self._trade,
            b"aggTrade": self._aggregated,
            b"ticker": self._day,
        }

    def decode(self, frame: bytes) -> Sequence[Event]:
        """The events in one frame."""
        try:
            if not frame.startswith(PREFIX):
                return _read_answer(frame)
            at = frame.index(b"@", len(PREFIX))
            read = self._by_stream.get(frame[at + 1 : frame.index(b'"', at)])
            return read(frame) if read else UNKNOWN_CHANNEL
        except (msgspec.DecodeError, ValueError):
            return MALFORMED

    def _quote(self, frame: bytes) -> Sequence[Event]:
        book = _book(frame).data
        symbol = self._symbols.get(book.s)
        if symbol is None:
            return UNKNOWN_SYMBOL
        return quoted(symbol, book.b, book.a, None, 0)

    def _trade(self, frame: bytes) -> Sequence[Event]:
        trade = _trade(frame).data
        return self._as_trade(trade, trade.t)

    def _aggregated(self, frame: bytes) -> Sequence[Event]:
        # Its last trade's id names it: where single trades come as well, this one then was there already.
        trade = _aggregate(frame).data
        return self._as_trade(trade, trade.last_trade)

    def _as_trade(self, trade: TradeFrame | AggregateTrade, trade_id: int) -> Sequence[Event]:
        symbol = self._symbols.get(trade.s)
        if symbol is None:
            return UNKNOWN_SYMBOL
        if price_or_none(trade.p) is None or not trade.q.is_finite():
            return NO_PRICE
        side: Side = "sell" if trade.m else "buy"
        return (Trade(symbol, trade.p, trade.q, side, trade_id, trade.T * MILLISECOND),)

    def _day(self, frame: bytes) -> Sequence[Event]:
        ticker = _ticker(frame).data
        symbol = self._symbols.get(ticker.s)
        if symbol is None:
            return UNKNOWN_SYMBOL
        return (DayStats(symbol, ticker.o, ticker.v),) if price_or_none(ticker.o) else NO_PRICE


def _read_answer(frame: bytes) -> Sequence[Event]:
    answer = _answer(frame)
    if answer.error is not None:
        return (Refused(str(answer.error.get("msg", answer.error))),)
    return ACCEPTED
