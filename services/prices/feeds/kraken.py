"""Kraken's WebSocket API v2 (docs.kraken.com, "Spot WebSocket v2").

Channels: `ticker` (book top and 24 hours, on each change of the book's top) and `trade`. A heartbeat comes about once
a second when nothing else does. Prices are JSON numbers, read as decimals with all their digits.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec

from services.prices.domain.candles import Candle
from services.prices.domain.events import Accepted, DayStats, Event, Ignored, Refused, Side, Trade
from services.prices.domain.instruments import Instrument, common_name
from services.prices.feeds.base import (
    HEARTBEAT,
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
    nanoseconds,
    price_or_none,
    quoted,
)

PAIRS_PER_REQUEST = 100
PAUSE = 0.2  # seconds between requests
SILENCE_LIMIT = 3.5  # seconds: heartbeats come about each second
PREFIX = b'{"channel":"'
ACCEPTED = (Accepted(),)


class Ticker(msgspec.Struct, gc=False):
    """Book top, last trade and 24 hours; 0 where there is nothing, as in markets that have stopped."""

    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    volume: Decimal
    change: Decimal = Decimal(0)
    timestamp: datetime | None = None


class TradeItem(msgspec.Struct, gc=False):
    """A trade; `side` is the taker's."""

    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    trade_id: int
    timestamp: datetime


class Tickers(msgspec.Struct, gc=False):
    """A frame of the ticker channel."""

    data: list[Ticker]


class Trades(msgspec.Struct, gc=False):
    """A frame of the trade channel."""

    data: list[TradeItem]


class Answer(msgspec.Struct, gc=False):
    """The answer to a request, or any frame that does not begin with its channel."""

    channel: str = ""
    success: bool | None = None
    error: str = ""


class Pair(msgspec.Struct):
    """A pair in AssetPairs; those without `wsname` are not on the WebSocket."""

    pair_decimals: int
    wsname: str = ""
    status: str = "online"


# time (s), open, high, low, close, volume-weighted average, volume, trades
Row = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal, Decimal, int]


class Ohlc(msgspec.Struct):
    """The answer of /0/public/OHLC: rows under the pair's name, and when the last finished candle began."""

    error: list[str] = []
    result: dict[str, msgspec.Raw] = {}


class AssetPairs(msgspec.Struct):
    """The answer of /0/public/AssetPairs; `error` holds texts when it failed."""

    error: list[str] = []
    result: dict[str, Pair] = {}


_tickers = msgspec.json.Decoder(Tickers).decode
_trades = msgspec.json.Decoder(Trades).decode
_answer = msgspec.json.Decoder(Answer).decode
_ohlc = msgspec.json.Decoder(Ohlc).decode
_rows = msgspec.json.Decoder(list[Row]).decode
_asset_pairs = msgspec.json.Decoder(AssetPairs).decode


class Kraken:
    """Kraken spot."""

    name = "kraken"

    def __init__(self, url: str, rest_url: str) -> None:
        self._url = f"{url.rstrip('/')}/v2"
        self._rest_url = rest_url.rstrip("/")

    async def instruments(self, http: aiohttp.ClientSession) -> list[Instrument]:
        """The pairs that trade."""
        try:
            answer = _asset_pairs(await get(http, f"{self._rest_url}/0/public/AssetPairs"))
        except msgspec.DecodeError as error:
            raise FeedError(f"AssetPairs cannot be read: {error}") from error
        if answer.error:
            raise FeedError(f"AssetPairs answered {', '.join(answer.error)}")
        return [_instrument(pair) for pair in answer.result.values() if "/" in pair.wsname and pair.status == "online"]

    async def candles(self, http: aiohttp.ClientSession, instrument: Instrument) -> list[Candle]:
        """The last 720 minutes."""
        url = f"{self._rest_url}/0/public/OHLC?pair={instrument.native}&interval=1"
        try:
            answer = _ohlc(await get(http, url))
            rows = [row for name, part in answer.result.items() if name != "last" for row in _rows(part)]
        except msgspec.DecodeError as error:
            raise FeedError(f"OHLC cannot be read: {error}") from error
        if answer.error:
            raise FeedError(f"OHLC answered {', '.join(answer.error)}")
        return [candle(*row[:5], volume=row[6], trades=row[7]) for row in rows]

    def sessions(self, instruments: Sequence[Instrument]) -> list[Session]:
        """One socket for all pairs."""
        requests = []
        for batch in in_batches([item.native for item in instruments], PAIRS_PER_REQUEST):
            requests.append(_subscribe(channel="ticker", symbol=batch, event_trigger="bbo", snapshot=True))
            requests.append(_subscribe(channel="trade", symbol=batch, snapshot=False))
        decode = Decoder({item.native: item.symbol for item in instruments}).decode
        return [Session(self._url, tuple(requests), PAUSE, SILENCE_LIMIT, decode)]


def _instrument(pair: Pair) -> Instrument:
    base, quote = (common_name(asset) for asset in pair.wsname.split("/", 1))
    return Instrument("kraken", f"{base}/{quote}", base, quote, pair.pair_decimals)


def _subscribe(**params: Any) -> str:
    return msgspec.json.encode({"method": "subscribe", "params": params}).decode()


class Decoder:
    """Reads the frames of a connection; the channel, which comes first in every frame of market data, decides how."""

    def __init__(self, symbols: dict[str, str]) -> None:
        self._symbols = symbols
        self._by_channel: dict[bytes, Decode] = {
            b"ticker": self._quotes,
            b"trade": self._read_trades,
            b"heartbeat": lambda frame: HEARTBEAT,
            b"status": lambda frame: (),  # greets each connection, before anything is subscribed
        }

    def decode(self, frame: bytes) -> Sequence[Event]:
        """The events in one frame."""
        try:
            if not frame.startswith(PREFIX):
                return self._other(frame)
            return self._read(frame[len(PREFIX) : frame.index(b'"', len(PREFIX))], frame)
        except (msgspec.DecodeError, ValueError):
            return MALFORMED

    def _other(self, frame: bytes) -> Sequence[Event]:
        answer = _answer(frame)
        if answer.success is not None or answer.error:
            return ACCEPTED if answer.success else (Refused(answer.error or "refused"),)
        return self._read(answer.channel.encode(), frame)

    def _read(self, channel: bytes, frame: bytes) -> Sequence[Event]:
        read = self._by_channel.get(channel)
        return read(frame) if read else UNKNOWN_CHANNEL

    def _quotes(self, frame: bytes) -> Sequence[Event]:
        return [event for ticker in _tickers(frame).data for event in self._quote(ticker)]

    def _quote(self, ticker: Ticker) -> Sequence[Event]:
        symbol = self._symbols.get(ticker.symbol)
        if symbol is None:
            return UNKNOWN_SYMBOL
        last = price_or_none(ticker.last)
        at = nanoseconds(ticker.timestamp) if ticker.timestamp else 0
        quote = quoted(symbol, ticker.bid, ticker.ask, last, at)
        if last is None or last <= ticker.change:
            return quote
        return (*quote, DayStats(symbol, last - ticker.change, ticker.volume))

    def _read_trades(self, frame: bytes) -> Sequence[Event]:
        return [self._trade(item) for item in _trades(frame).data]

    def _trade(self, item: TradeItem) -> Trade | Ignored:
        symbol = self._symbols.get(item.symbol)
        if symbol is None:
            return UNKNOWN_SYMBOL[0]
        if price_or_none(item.price) is None or not item.qty.is_finite():
            return NO_PRICE[0]
        return Trade(symbol, item.price, item.qty, item.side, item.trade_id, nanoseconds(item.timestamp))
