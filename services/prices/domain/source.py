"""One venue's present word on one symbol."""

from collections import deque
from decimal import Decimal
from statistics import median

from services.prices.domain.events import DayStats, Quote, Trade
from services.prices.domain.instruments import Instrument
from services.prices.domain.numbers import midpoint, places

MINIMUM_AGE_LIMIT = 5.0  # seconds
MAXIMUM_AGE_LIMIT = 300.0  # seconds: even a venue that speaks once an hour is not believed for longer
GAPS_IN_LIMIT = 4  # a venue may stay silent for so many of its usual gaps
REMEMBERED_GAPS = 15
NEVER = float("-inf")


class Source:
    """What a venue last said of a symbol, and when we heard it.

    Ages are measured on our receive clock only: an exchange's clock may be seconds off, and replayed frames carry
    times of years ago.
    """

    __slots__ = ("ask", "bid", "event_time", "gaps", "instrument", "last", "open_24h", "received", "volume_24h")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.bid: Decimal | None = None
        self.ask: Decimal | None = None
        self.last: Decimal | None = None
        self.event_time = 0
        self.received = NEVER
        self.gaps: deque[float] = deque(maxlen=REMEMBERED_GAPS)
        self.open_24h: Decimal | None = None
        self.volume_24h: Decimal | None = None

    def quote(self, quote: Quote, received: float) -> None:
        """Take a new top of book."""
        self.bid = quote.bid
        self.ask = quote.ask
        if quote.last is not None:
            self.last = quote.last
        self._heard(quote.event_time, received)

    def trade(self, trade: Trade, received: float) -> None:
        """Take a new trade."""
        self.last = trade.price
        self._heard(trade.event_time, received)

    def day(self, stats: DayStats) -> None:
        """Take the venue's 24 hours. They say nothing of the present price, so the age stays."""
        self.open_24h = stats.open
        self.volume_24h = stats.volume

    def _heard(self, event_time: int, received: float) -> None:
        if self.received != NEVER:
            self.gaps.append(received - self.received)
        self.received = received
        if event_time:
            self.event_time = event_time

    @property
    def price(self) -> Decimal | None:
        """The last trade, held inside the venue's own bid and ask; their middle while no trade is known.

        A trade older than the book may lie outside it: then the nearer side of the book is what the venue says now.
        """
        if self.last is None:
            return self._middle()
        if self.bid is not None and self.last < self.bid:
            return self.bid
        if self.ask is not None and self.last > self.ask:
            return self.ask
        return self.last

    def _middle(self) -> Decimal | None:
        if self.bid is None or self.ask is None:
            return None
        digits = max(self.instrument.digits, places(self.bid), places(self.ask))
        return midpoint(self.bid, self.ask, digits)

    @property
    def age_limit(self) -> float:
        """Seconds of silence after which the venue no longer counts: 5, or 4 times its median gap if that is more."""
        if not self.gaps:
            return MINIMUM_AGE_LIMIT
        return min(MAXIMUM_AGE_LIMIT, max(MINIMUM_AGE_LIMIT, GAPS_IN_LIMIT * median(self.gaps)))
