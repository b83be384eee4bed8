"""The channels that a client may subscribe to.

prices  prices:BTC-USD  candles:BTC-USD:1m  notifications  system
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

INTERVALS = ("1s", "1m", "5m", "15m", "1h", "4h", "1d")
MAX_NAME_LENGTH = 64  # characters

_SYMBOL = re.compile(r"[A-Z0-9]{1,16}-[A-Z0-9]{1,16}")


class Kind(Enum):
    """What a channel carries."""

    PRICES = "prices"
    SYMBOL_PRICES = "prices:<SYMBOL>"
    CANDLES = "candles:<SYMBOL>:<INTERVAL>"
    NOTIFICATIONS = "notifications"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Channel:
    """A valid channel; `symbol` and `interval` are empty where the kind has none."""

    name: str
    kind: Kind
    symbol: str = ""
    interval: str = ""


class InvalidChannel(ValueError):
    """The name names no channel; the text says why."""


PRICES = Channel("prices", Kind.PRICES)
NOTIFICATIONS = Channel("notifications", Kind.NOTIFICATIONS)
SYSTEM = Channel("system", Kind.SYSTEM)

_FIXED = {channel.name: channel for channel in (PRICES, NOTIFICATIONS, SYSTEM)}


@lru_cache(maxsize=4096)
def parse(name: str) -> Channel:
    """The channel of this name. Raises InvalidChannel."""
    if name in _FIXED:
        return _FIXED[name]
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidChannel(f"a channel's name has at most {MAX_NAME_LENGTH} characters")
    match name.split(":"):
        case ["prices", symbol]:
            return Channel(name, Kind.SYMBOL_PRICES, _symbol(symbol))
        case ["candles", symbol, interval]:
            return Channel(name, Kind.CANDLES, _symbol(symbol), _interval(interval))
    raise InvalidChannel(f"unknown channel; there are {', '.join(kind.value for kind in Kind)}")


def symbol_prices(symbol: str) -> str:
    """Name of the channel of one symbol's prices."""
    return f"prices:{symbol}"


def candles(symbol: str, interval: str) -> str:
    """Name of the channel of one symbol's candles."""
    return f"candles:{symbol}:{interval}"


def _symbol(text: str) -> str:
    if not _SYMBOL.fullmatch(text):
        raise InvalidChannel("malformed symbol; one looks like BTC-USD")
    return text


def _interval(text: str) -> str:
    if text not in INTERVALS:
        raise InvalidChannel(f"unknown interval; there are {', '.join(INTERVALS)}")
    return text
