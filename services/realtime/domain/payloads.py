"""What the events of the Socket.IO contract carry.

Moments are epoch milliseconds; prices are decimals in strings, as in REST.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

MILLISECONDS = 1000


class Quote(msgspec.Struct, frozen=True, omit_defaults=True):
    """The price of one symbol, as clients see it; a real one says nothing of `simulated`."""

    price: str
    bid: str
    ask: str
    change_24h: str  # percent; empty when not known
    quality: str
    seq: int
    ts: float  # when it happened, by the exchange's clock
    simulated: bool = False  # made from invented or replayed market data


class CandleView(msgspec.Struct, frozen=True):
    """One candle, as clients see it."""

    open_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    trades: int
    closed: bool
    revision: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A new price, and when prices published it."""

    symbol: str
    quote: Quote
    published_at: float

    def is_newer_than(self, other: "Tick") -> bool:
        """By either measure: `seq` begins anew when prices restarts, and clocks of replicas differ a little."""
        return self.quote.seq > other.quote.seq or self.published_at > other.published_at


@dataclass(frozen=True, slots=True)
class UserEvent:
    """Something one user is told; `data` is a JSON object."""

    id: int
    user_id: str
    event: str
    data: bytes
    created_at: float


class PriceUpdate(msgspec.Struct, frozen=True):
    """`price_update`."""

    prices: dict[str, Quote]
    published_at: float
    sent_at: float


class CandleUpdate(msgspec.Struct, frozen=True):
    """`candle_update`."""

    symbol: str
    interval: str
    candle: CandleView
    sent_at: float


class Notification(msgspec.Struct, frozen=True):
    """`notification`."""

    id: int
    kind: str
    data: msgspec.Raw
    created_at: float


class Hello(msgspec.Struct, frozen=True):
    """`hello`: the first event on every connection."""

    server_time: float
    node: str
    recovered: bool


class TokenExpiring(msgspec.Struct, frozen=True):
    """`token_expiring`: time to authenticate with a new token."""

    expires_at: float


class SessionEnded(msgspec.Struct, frozen=True):
    """`session_ended`: the socket carries no user any more. `channels` are those it lost."""

    reason: str
    channels: list[str]


class ReconnectHint(msgspec.Struct, frozen=True, tag="reconnect", tag_field="kind"):
    """`system` with kind "reconnect": this node is about to stop; come back to another one after the delay."""

    delay_ms: int


class Rejection(msgspec.Struct, frozen=True):
    """A channel that was not subscribed, and why."""

    channel: str
    reason: str


class Subscribed(msgspec.Struct, frozen=True):
    """Answer to `subscribe`. `hz` are the paces that were granted, where a pace was wished for."""

    subscribed: list[str]
    rejected: list[Rejection]
    hz: dict[str, float] | msgspec.UnsetType = msgspec.UNSET


def encode(payload: Any) -> bytes:
    """A payload as JSON."""
    return msgspec.json.encode(payload)
