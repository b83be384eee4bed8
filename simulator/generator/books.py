"""One market of one venue: how the common price looks in its book, and the trades that hit it."""

import math
import random
from decimal import Decimal

from simulator.generator.universe import Asset, VenueHabits, size_step
from simulator.market import Instrument, Quote, Side, Trade

TYPICAL_NOTIONAL = 350.0  # dollars of a median trade
NOTIONAL_SPREAD = 1.5  # standard deviation of its logarithm
QUOTE_NOTIONAL = 4_000.0  # dollars at the top of the book, median
SIDE_PERSISTENCE = 0.65  # chance that a taker is on the same side as the one before
NOISE_MEMORY = 0.97  # of the venue's deviation, from one event to the next
MEAN_NOTIONAL = TYPICAL_NOTIONAL * math.exp(NOTIONAL_SPREAD**2 / 2)


class Book:
    """The book's top and the tape of one market. Prices are kept as whole ticks, so that rounding is exact."""

    def __init__(self, asset: Asset, venue: VenueHabits, chance: random.Random) -> None:
        self.asset, self.venue = asset, venue
        symbol = venue.pattern.format(base=asset.base, quote=venue.quote)
        self.instrument = Instrument(
            venue.name, symbol, asset.base, venue.quote, Decimal(asset.tick), size_step(asset.price)
        )
        self.rate = asset.rate * venue.activity
        self._chance = chance
        self._tick, self._step = float(self.instrument.tick), float(self.instrument.step)
        self._noise = 0.0
        self.wire_ns = 0  # when its latest event reaches the wire
        self._side: Side = "buy"
        self._trade_id = chance.randrange(10**8, 10**9)
        self._sequence = chance.randrange(10**9, 10**10)

    def quote(self, fair: float, event_ns: int) -> Quote:
        """Re-quote around the fair price, which is in the venue's quote currency."""
        gauss = self._chance.gauss
        sigma = self.venue.noise * math.sqrt(1 - NOISE_MEMORY**2)
        self._noise = NOISE_MEMORY * self._noise + gauss(0.0, sigma)
        middle = fair * (1 + self._noise)
        half = middle * self.venue.spread * math.exp(gauss(0.0, 0.3)) / 2
        bid = max(1, math.floor((middle - half) / self._tick))
        ask = max(bid + 1, math.ceil((middle + half) / self._tick))
        self._sequence += self._chance.randint(1, 20)
        return Quote(
            self.venue.name,
            self.instrument.symbol,
            bid * self.instrument.tick,
            self._size(QUOTE_NOTIONAL, 1.0, middle),
            ask * self.instrument.tick,
            self._size(QUOTE_NOTIONAL, 1.0, middle),
            event_ns,
            self._sequence,
        )

    def trade(self, quote: Quote, event_ns: int) -> Trade:
        """A taker hits the quote."""
        if self._chance.random() > SIDE_PERSISTENCE:
            self._side = "sell" if self._side == "buy" else "buy"
        price = quote.ask if self._side == "buy" else quote.bid
        size = self._size(TYPICAL_NOTIONAL * self.venue.size, NOTIONAL_SPREAD, float(price))
        self._trade_id += 1
        return Trade(self.venue.name, quote.symbol, price, size, self._side, self._trade_id, event_ns, quote.sequence)

    def lag_ns(self) -> int:
        """Time from event to wire."""
        return int((self.venue.lag + self._chance.expovariate(1 / self.venue.jitter)) * 1e9)

    def _size(self, notional: float, spread: float, price: float) -> Decimal:
        wanted = notional * math.exp(self._chance.gauss(0.0, spread)) / price
        return max(1, round(wanted / self._step)) * self.instrument.step
