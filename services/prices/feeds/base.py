"""What the connection loop needs to know of a venue."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import aiohttp

from services.prices.domain.candles import Candle
from services.prices.domain.events import Event, Heartbeat, Ignored, Quote
from services.prices.domain.instruments import Instrument

Decode = Callable[[bytes], Sequence[Event]]

HEARTBEAT = (Heartbeat(),)
UNKNOWN_SYMBOL = (Ignored("unknown symbol"),)
UNKNOWN_CHANNEL = (Ignored("unknown channel"),)
MALFORMED = (Ignored("malformed"),)
NO_PRICE = (Ignored("no price"),)
CROSSED = (Ignored("crossed book"),)


@dataclass(frozen=True)
class Session:
    """One socket to a venue: where, what to ask for, and how to read it.

    pause: seconds between two requests.  silence_limit: seconds without a frame after which the socket counts as dead.
    decode: turns one frame into events; it never raises, what it cannot read is Ignored.
    """

    url: str
    requests: tuple[str, ...]
    pause: float
    silence_limit: float
    decode: Decode


class Feed(Protocol):
    """A venue's protocol."""

    name: str

    async def instruments(self, http: aiohttp.ClientSession) -> list[Instrument]:
        """What the venue lists for trading now. Raises aiohttp.ClientError, TimeoutError or FeedError."""
        ...

    async def candles(self, http: aiohttp.ClientSession, instrument: Instrument) -> list[Candle]:
        """The venue's own one-minute candles of the last hours. Raises as `instruments` does."""
        ...

    def sessions(self, instruments: Sequence[Instrument]) -> list[Session]:
        """The sockets needed for some instruments, within the venue's limits."""
        ...


def candle(
    open_time: int, open_: Decimal, high: Decimal, low: Decimal, close: Decimal, volume: Decimal, trades: int = 0
) -> Candle:
    """A finished minute as a venue tells it."""
    return Candle(open_time, open_, high, low, close, volume, trades, first_at=0, last_at=0, closed=True)


class FeedError(Exception):
    """The venue answered in a way that cannot be used."""


async def get(http: aiohttp.ClientSession, url: str) -> bytes:
    """The body of a REST answer. Raises FeedError unless it is a success."""
    async with http.get(url) as answer:
        if answer.status != 200:
            raise FeedError(f"{url} answered {answer.status}")
        return await answer.read()


def in_batches(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    """Cut a sequence into pieces of at most `size`."""
    return (items[begin : begin + size] for begin in range(0, len(items), size))


def price_or_none(price: Decimal) -> Decimal | None:
    """A price that can be used, or None: venues write 0 where that side of the book is empty."""
    return price if price.is_finite() and price > 0 else None


def quoted(symbol: str, bid: Decimal, ask: Decimal, last: Decimal | None, event_time: int) -> Sequence[Event]:
    """A quote of what can be used: nothing when no price is left, or when the book is crossed and so in error."""
    usable_bid, usable_ask = price_or_none(bid), price_or_none(ask)
    if usable_bid is not None and usable_ask is not None:
        if bid > ask:
            return CROSSED
    elif usable_bid is usable_ask is last is None:
        return NO_PRICE
    return (Quote(symbol, usable_bid, usable_ask, last, event_time),)


def nanoseconds(moment: datetime) -> int:
    """A venue's time in nanoseconds since 1970."""
    return round(moment.timestamp() * 1e6) * 1000
