"""What travels inside the simulator, and the protocol its two sources of market data share.

Prices and sizes are decimals as the venue prints them; times are nanoseconds since 1970, UTC.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal, Protocol

import msgspec

NANOSECOND_PER_SECOND = 1_000_000_000
Side = Literal["buy", "sell"]


class Instrument(msgspec.Struct, frozen=True):
    """A market of a venue, under the venue's own name for it (BTCUSDT, BTC-USD, BTC/USD)."""

    venue: str
    symbol: str
    base: str
    quote: str
    tick: Decimal  # smallest price step
    step: Decimal  # smallest size step


def decimals(step: Decimal) -> int:
    """Digits after the point of a tick or step size: 0.01 has 2, 1 has 0."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


class Quote(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask of a market changed."""

    venue: str
    symbol: str
    bid: Decimal
    bid_size: Decimal
    ask: Decimal
    ask_size: Decimal
    event_ns: int
    sequence: int


class Trade(msgspec.Struct, frozen=True, gc=False):
    """A trade; `side` is the taker's."""

    venue: str
    symbol: str
    price: Decimal
    size: Decimal
    side: Side
    trade_id: int
    event_ns: int
    sequence: int


class Frame(msgspec.Struct, frozen=True):
    """A recorded message of a venue, byte for byte, and the trades in it (for candles)."""

    venue: str
    channel: str  # the venue's own channel or stream name: "bookTicker", "ticker", "match", "trade" ...
    symbol: str
    payload: bytes
    trades: tuple[Trade, ...] = ()


Event = Quote | Trade | Frame


class Bar(msgspec.Struct, frozen=True, gc=False):
    """Open, high, low, close and volume of an interval that begins at `open_time` (seconds since 1970)."""

    open_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trades: int
    taker_buy_volume: float


class DayStats(msgspec.Struct, frozen=True, gc=False):
    """The last 24 hours of a market; `trades` is 0 when there were none, and then the rest is 0 too."""

    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    last: float = 0.0
    volume: float = 0.0
    quote_volume: float = 0.0
    trades: int = 0

    @property
    def average(self) -> float:
        """Volume-weighted average price."""
        return self.quote_volume / self.volume if self.volume else 0.0

    @property
    def change(self) -> float:
        """Last price minus the price 24 hours ago."""
        return self.last - self.open

    @property
    def change_percent(self) -> float:
        """The change in percent of the price 24 hours ago."""
        return 100.0 * self.change / self.open if self.open else 0.0


class MarketSource(Protocol):
    """Where the market data comes from: the generator or recordings."""

    mode: str

    def instruments(self, venue: str) -> Sequence[Instrument]:
        """The markets of a venue, best known first; empty when the source has none."""
        ...

    async def run(self, publish: Callable[[Event], None]) -> None:
        """Hand out events as they fall due, for ever."""
        ...

    def bars(self, venue: str, symbol: str, start: int, end: int) -> list[Bar]:
        """One-minute bars with start <= open_time < end (seconds), oldest first; minutes without trades are absent."""
        ...

    def day_stats(self, venue: str, symbol: str) -> DayStats:
        """The last 24 hours of a market as far as the source knows them."""
        ...
