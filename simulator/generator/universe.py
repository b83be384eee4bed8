"""What the generator trades: assets with their risk, and the exchanges' habits.

Volatilities are per year; prices are the generator's starting points, not quotations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

STABLE_COIN = "USDT"
MAXIMUM_SYMBOLS = 200
BUSIEST_RATE = 9.0  # events a second of the most traded asset, over an average venue
RATE_DECAY = 0.8  # the n-th asset has n ** -0.8 of that


@dataclass(frozen=True)
class Asset:
    """A coin traded against the dollar."""

    base: str
    price: float  # dollars at the start
    tick: str  # usual price step
    beta: float  # how it follows the market factor
    volatility: float  # of its own, per year
    rate: float = 0.0  # events a second on an average venue
    reversion: float = 0.0  # per second, towards its starting price; 0 for a free walk


@dataclass(frozen=True)
class VenueHabits:
    """How an exchange differs from the others."""

    name: str
    quote: str  # currency of its prices
    pattern: str  # of its symbols
    activity: float  # share of an asset's rate
    trade_share: float  # of its events that are trades; the rest moves the quotes
    spread: float  # relative, before rounding to ticks
    noise: float  # relative standard deviation of its own deviation from the common price
    lag: float  # seconds from event to wire, at least
    jitter: float  # seconds of lag on top, on average
    size: float  # factor on trade sizes


ASSETS = (
    Asset("BTC", 97_250.0, "0.01", 1.00, 0.20),
    Asset("ETH", 3_420.0, "0.01", 1.15, 0.30),
    Asset("SOL", 188.0, "0.01", 1.30, 0.45),
    Asset("XRP", 2.34, "0.0001", 1.10, 0.50),
    Asset(STABLE_COIN, 0.9997, "0.00001", 0.00, 0.01, reversion=0.0004),
    Asset("DOGE", 0.335, "0.00001", 1.35, 0.55),
    Asset("ADA", 0.94, "0.0001", 1.20, 0.50),
    Asset("AVAX", 37.4, "0.01", 1.30, 0.50),
    Asset("LINK", 21.6, "0.001", 1.20, 0.45),
    Asset("DOT", 6.93, "0.001", 1.20, 0.45),
    Asset("LTC", 108.4, "0.01", 1.00, 0.40),
    Asset("BCH", 445.0, "0.01", 1.00, 0.45),
    Asset("UNI", 13.4, "0.001", 1.20, 0.50),
    Asset("ATOM", 6.61, "0.001", 1.15, 0.45),
    Asset("XLM", 0.412, "0.00001", 1.10, 0.50),
    Asset("NEAR", 5.21, "0.001", 1.30, 0.55),
    Asset("ALGO", 0.361, "0.0001", 1.20, 0.55),
    Asset("AAVE", 305.0, "0.01", 1.20, 0.55),
    Asset("FIL", 5.12, "0.001", 1.20, 0.50),
    Asset("ETC", 26.5, "0.01", 1.10, 0.45),
)

VENUES = (
    VenueHabits("binance", STABLE_COIN, "{base}{quote}", 1.3, 0.35, 0.00005, 0.00006, 0.006, 0.004, 1.6),
    VenueHabits("coinbase", "USD", "{base}-{quote}", 0.7, 0.80, 0.00010, 0.00008, 0.018, 0.010, 1.0),
    VenueHabits("kraken", "USD", "{base}/{quote}", 0.8, 0.30, 0.00020, 0.00012, 0.035, 0.020, 0.7),
)


def assets(count: int) -> list[Asset]:
    """The first `count` assets with their rates; beyond the known ones they are made up (SYN021, SYN022 ...)."""
    known = list(ASSETS[:count])
    made_up = [_made_up(number) for number in range(len(known) + 1, count + 1)]
    return [_with_rate(asset, rank) for rank, asset in enumerate(known + made_up, start=1)]


def _made_up(number: int) -> Asset:
    price = 0.5 * 1.07 ** (number % 100)
    return Asset(f"SYN{number:03d}", price, "0.01" if price > 50 else "0.0001", 1.0 + number % 5 / 10, 0.5)


def _with_rate(asset: Asset, rank: int) -> Asset:
    rate = BUSIEST_RATE * rank**-RATE_DECAY
    return Asset(asset.base, asset.price, asset.tick, asset.beta, asset.volatility, rate, asset.reversion)


def traded_on(venue: VenueHabits, listed: Sequence[Asset]) -> list[Asset]:
    """The assets a venue lists: all but its own quote currency."""
    return [asset for asset in listed if asset.base != venue.quote]


def size_step(price: float) -> Decimal:
    """A size step worth well under a cent, as exchanges choose it: 0.00001 for a price near 100,000."""
    exponent = 0
    while price * 10.0**exponent > 1.0 and exponent > -8:
        exponent -= 1
    return Decimal(1).scaleb(min(0, exponent))
