"""A channel at a pace, for a slot of its subscribers: what they are sent alike, in the same frames.

A client may wish for fewer updates than a channel has. It is granted a pace of a short ladder, so that clients with
similar wishes still share frames. The subscribers of a large channel are in several slots, which are written to one
after the other, each with the prices of its own moment: they do not age while a crowd is written to.
"""

from dataclasses import dataclass
from functools import lru_cache

import msgspec

from services.realtime.domain.channels import Channel, Kind

LADDER = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)  # updates per second
SLOTS = 20


class Stream(msgspec.Struct, frozen=True, cache_hash=True):
    """A channel at one pace, for one slot."""

    channel: str
    hz: float = 0.0  # the most updates per second; 0 where everything is sent as it comes
    slowed: bool = False  # whether a client wished for less than the channel has
    slot: int = 0

    def at(self, slot: int) -> "Stream":
        """The same for other subscribers."""
        return _stream(self.channel, self.hz, self.slowed, slot)


@dataclass(frozen=True)
class Rates:
    """The most messages per second that a channel's subscribers are sent."""

    prices: float = 5.0
    symbol: float = 20.0
    candles: float = 5.0

    def stream(self, channel: Channel, wish: float | None = None) -> Stream:
        """The channel at the pace that is granted: its own, or the highest on the ladder that is not above the wish."""
        own = self._own(channel.kind)
        hz = own if wish is None else granted(wish, own)
        return _stream(channel.name, hz, hz < own, 0)

    def _own(self, kind: Kind) -> float:
        own = {Kind.PRICES: self.prices, Kind.SYMBOL_PRICES: self.symbol, Kind.CANDLES: self.candles}
        return own.get(kind, 0.0)


def granted(wish: float, most: float) -> float:
    """The highest pace that is neither above the wish nor above the most; the lowest for a smaller wish."""
    paces = [*(pace for pace in LADDER if pace < most), most]
    return max((pace for pace in paces if pace <= wish), default=paces[0])


@lru_cache(maxsize=1 << 14)
def _stream(channel: str, hz: float, slowed: bool, slot: int) -> Stream:
    """One object for all sockets."""
    return Stream(channel, hz, slowed, slot)
