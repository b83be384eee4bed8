"""What a venue says, in one language for all venues. Symbols are ours ("BTC-USD"), numbers exact, times as the venue's.

`event_time` is the exchange's own time in nanoseconds since 1970; 0 where the venue does not say.
"""

from decimal import Decimal
from typing import Literal

import msgspec

Side = Literal["buy", "sell"]


class Quote(msgspec.Struct, frozen=True, gc=False):
    """The top of a venue's book; None where the venue has nothing on that side. `last` where a ticker repeats it."""

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    event_time: int


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One trade. `side` is the taker's everywhere. `trade_id` rises with every trade of the symbol at the venue.

    A trade that `replayed` says was repeated by the venue on subscribing: it sets the price, but is in no candle.
    """

    symbol: str
    price: Decimal
    size: Decimal
    side: Side
    trade_id: int
    event_time: int
    replayed: bool = False


class DayStats(msgspec.Struct, frozen=True, gc=False):
    """A venue's rolling 24 hours: the price it began with, and the volume in the base currency."""

    symbol: str
    open: Decimal
    volume: Decimal


class Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """The venue is alive and has nothing to say."""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The venue confirmed a subscription."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The venue refused a request, in its own words."""

    reason: str


class Ignored(msgspec.Struct, frozen=True, gc=False):
    """A frame that is not used, and why: "unknown symbol", "unknown channel", "malformed"."""

    reason: str


Event = Quote | Trade | DayStats | Heartbeat | Accepted | Refused | Ignored
