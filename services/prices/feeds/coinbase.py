"""Coinbase Exchange's public feed (docs.cdp.coinbase.com, "Exchange WebSocket").

Channels: `ticker` (book top, last price and 24 hours, on each trade), `matches` (trades), `heartbeat` (once a second).
A client must subscribe within 5 seconds and may send 100 messages a second.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import aiohttp
import msgspec

from services.prices.domain.candles import Candle
from services.prices.domain.events import Accepted, DayStats, Event, Refused, Side, Trade
from services.prices.domain.instruments import Instrument
from services.prices.domain.numbers import places
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

PRODUCTS_PER_REQUEST = 100
PAUSE = 0.1  # seconds between requests
SILENCE_LIMIT = 3.5  # seconds: heartbeats come each second
PREFIX = b'{"type":"'
ACCEPTED = (Accepted(),)


class Ticker(msgspec.Struct, gc=False):
    """Book top and 24 hours at the time of the last trade. In an auction or a dead market parts are missing."""

    product_id: str
    price: Decimal
    time: datetime | None = None
    best_bid: Decimal = Decimal(0)
    best_ask: Decimal = Decimal(0)
    open_24h: Decimal = Decimal(0)
    volume_24h: Decimal = Decimal(0)


class Match(msgspec.Struct, gc=False):
    """A trade. `side` is the maker's: a sell order that was hit means that the taker bought."""

    product_id: str
    trade_id: int
    side: Side
    size: Decimal
    price: Decimal
    time: datetime


class Failure(msgspec.Struct, gc=False):
    """What the venue did not like."""

    message: str = ""
    reason: str = ""


class Kind(msgspec.Struct, gc=False):
    """The type alone, for frames that do not begin with it."""

    type: str


Row = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]  # time (s), low, high, open, close, volume


class Product(msgspec.Struct):
    """A pair in /products."""

    id: str
    base_currency: str
    quote_currency: str
    quote_increment: Decimal
    status: str = "online"
    trading_disabled: bool = False


_ticker = msgspec.json.Decoder(Ticker).decode
_match = msgspec.json.Decoder(Match).decode
_failure = msgspec.json.Decoder(Failure).decode
_kind = msgspec.json.Decoder(Kind).decode
_candles = msgspec.json.Decoder(list[Row]).decode
_products = msgspec.json.Decoder(list[Product]).decode


class Coinbase:
    """Coinbase Exchange."""

    name = "coinbase"

    def __init__(self, url: str, rest_url: str) -> None:
        self._url = url
        self._rest_url = rest_url.rstrip("/")

    async def instruments(self, http: aiohttp.ClientSession) -> list[Instrument]:
        """The products that trade."""
        try:
            products = _products(await get(http, f"{self._rest_url}/products"))
        except msgspec.DecodeError as error:
            raise FeedError(f"products cannot be read: {error}") from error
        return [_instrument(item) for item in products if item.status == "online" and not item.trading_disabled]

    async def candles(self, http: aiohttp.ClientSession, instrument: Instrument) -> list[Candle]:
        """The last 300 minutes; Coinbase does not tell the number of trades."""
        url = f"{self._rest_url}/products/{instrument.native}/candles?granularity=60"
        try:
            rows = _candles(await get(http, url))
        except msgspec.DecodeError as error:
            raise FeedError(f"candles cannot be read: {error}") from error
        return [candle(at, begin, high, low, end, volume) for at, low, high, begin, end, volume in reversed(rows)]

    def sessions(self, instruments: Sequence[Instrument]) -> list[Session]:
        """One socket for all products; the heartbeat of one product is enough to know that it lives."""
        products = [item.native for item in instruments]
        requests = [_subscribe(products[:1], ["heartbeat"])]
        requests += [_subscribe(batch, ["ticker", "matches"]) for batch in in_batches(products, PRODUCTS_PER_REQUEST)]
        decode = Decoder({item.native: item.symbol for item in instruments}).decode
        return [Session(self._url, tuple(requests), PAUSE, SILENCE_LIMIT, decode)]


def _instrument(product: Product) -> Instrument:
    digits = places(product.quote_increment)
    return Instrument("coinbase", product.id, product.base_currency, product.quote_currency, digits)


def _subscribe(products: Sequence[str], channels: list[str]) -> str:
    return msgspec.json.encode({"type": "subscribe", "product_ids": products, "channels": channels}).decode()


class Decoder:
    """Reads the frames of a connection; the type, which comes first in every frame seen, decides how."""

    def __init__(self, symbols: dict[str, str]) -> None:
        self._symbols = symbols
        self._by_type: dict[bytes, Decode] = {
            b"ticker": self._quote,
            b"match": self._trade,
            b"last_match": self._last_trade,
            b"heartbeat": lambda frame: HEARTBEAT,
            b"subscriptions": lambda frame: ACCEPTED,
            b"error": _refused,
        }

    def decode(self, frame: bytes) -> Sequence[Event]:
        """The events in one frame."""
        try:
            read = self._by_type.get(_type_of(frame))
            return read(frame) if read else UNKNOWN_CHANNEL
        except (msgspec.DecodeError, ValueError):
            return MALFORMED

    def _quote(self, frame: bytes) -> Sequence[Event]:
        ticker = _ticker(frame)
        symbol = self._symbols.get(ticker.product_id)
        if symbol is None:
            return UNKNOWN_SYMBOL
        at = nanoseconds(ticker.time) if ticker.time else 0
        quote = quoted(symbol, ticker.best_bid, ticker.best_ask, price_or_none(ticker.price), at)
        begun = price_or_none(ticker.open_24h)
        return (*quote, DayStats(symbol, begun, ticker.volume_24h)) if begun else quote

    def _trade(self, frame: bytes) -> Sequence[Event]:
        return self._read_match(frame, replayed=False)

    def _last_trade(self, frame: bytes) -> Sequence[Event]:
        return self._read_match(frame, replayed=True)

    def _read_match(self, frame: bytes, *, replayed: bool) -> Sequence[Event]:
        match = _match(frame)
        symbol = self._symbols.get(match.product_id)
        if symbol is None:
            return UNKNOWN_SYMBOL
        if price_or_none(match.price) is None or not match.size.is_finite():
            return NO_PRICE
        taker: Side = "buy" if match.side == "sell" else "sell"
        return (Trade(symbol, match.price, match.size, taker, match.trade_id, nanoseconds(match.time), replayed),)


def _type_of(frame: bytes) -> bytes:
    if frame.startswith(PREFIX):
        return frame[len(PREFIX) : frame.index(b'"', len(PREFIX))]
    return _kind(frame).type.encode()


def _refused(frame: bytes) -> Sequence[Event]:
    failure = _failure(frame)
    return (Refused(": ".join(part for part in (failure.message, failure.reason) if part) or "refused"),)
