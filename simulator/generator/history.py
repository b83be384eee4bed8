"""The past that candles and 24-hour statistics need: two invented days that end where the live walk begins."""

import math
import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.generator.books import MEAN_NOTIONAL, Book
from simulator.generator.universe import STABLE_COIN, Asset
from simulator.generator.walk import MARKET_VOLATILITY, SECONDS_PER_YEAR
from simulator.market import NANOSECOND_PER_SECOND, Bar, decimals
from simulator.times import DAY, MINUTE

MINUTES = 2 * DAY // MINUTE
RANGE = 0.4  # mean reach of a high or low beyond open and close, in standard deviations of a minute
ACTIVITY_SPREAD = 0.5  # standard deviation of the logarithm of a minute's activity


@dataclass(frozen=True)
class _Path:
    """The minutes of one asset, in dollars."""

    opens: Sequence[float]
    highs: Sequence[float]
    lows: Sequence[float]
    closes: Sequence[float]


class History:
    """Closes, highs, lows and activity of each asset's minutes, shared by all venues."""

    def __init__(self, assets: Sequence[Asset], *, seed: int, start_ns: int) -> None:
        chance = random.Random(f"history {seed}")
        self.end = start_ns // NANOSECOND_PER_SECOND // MINUTE * MINUTE  # the live market owns this minute
        self._begin = self.end - MINUTES * MINUTE
        scale = math.sqrt(MINUTE / SECONDS_PER_YEAR)
        market = [chance.gauss(0.0, MARKET_VOLATILITY * scale) for _ in range(MINUTES)]
        self._activity = array("d", (math.exp(chance.gauss(0.0, ACTIVITY_SPREAD)) for _ in range(MINUTES)))
        self._paths = {asset.base: _path(asset, market, scale, chance) for asset in assets}

    def bars(self, book: Book, start: int, end: int) -> Iterator[Bar]:
        """The minutes of a market with start <= open_time < end, oldest first."""
        first = max(0, -(-(start - self._begin) // MINUTE))
        last = min(MINUTES, -(-(end - self._begin) // MINUTE))
        path = self._paths[book.asset.base]
        quote = self._paths.get(STABLE_COIN) if book.venue.quote == STABLE_COIN else None
        places = decimals(book.instrument.tick)
        for index in range(first, last):
            yield self._bar(book, path, index, quote.closes[index] if quote else 1.0, places)

    def _bar(self, book: Book, path: _Path, index: int, rate: float, places: int) -> Bar:
        prices = (path.opens[index], path.highs[index], path.lows[index], path.closes[index])
        open_, high, low, close = (round(price / rate, places) for price in prices)
        trades = max(1, round(book.rate * book.venue.trade_share * MINUTE * self._activity[index]))
        volume = round(trades * MEAN_NOTIONAL * book.venue.size / close, 8)
        open_time = self._begin + index * MINUTE
        return Bar(open_time, open_, high, low, close, volume, volume * close, trades, volume / 2)


def _path(asset: Asset, market: Sequence[float], scale: float, chance: random.Random) -> _Path:
    """Walk backwards from the price at which the live market begins."""
    opens, highs, lows, closes = (array("d", bytes(8 * MINUTES)) for _ in range(4))
    sigma = scale * math.hypot(asset.beta * MARKET_VOLATILITY, asset.volatility)
    keep = 1.0 - min(1.0, asset.reversion * MINUTE)
    deviation = 0.0  # of the logarithm of the price from where the live market begins
    for index in reversed(range(MINUTES)):
        closes[index] = asset.price * math.exp(deviation)
        deviation = deviation * keep - asset.beta * market[index] - asset.volatility * scale * chance.gauss(0.0, 1.0)
        opens[index] = asset.price * math.exp(deviation)
        reach = (chance.expovariate(1.0) * RANGE * sigma, chance.expovariate(1.0) * RANGE * sigma)
        highs[index] = max(opens[index], closes[index]) * math.exp(reach[0])
        lows[index] = min(opens[index], closes[index]) * math.exp(-reach[1])
    return _Path(opens, highs, lows, closes)
