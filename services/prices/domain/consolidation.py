"""Many venues, one price: a weighted median of the fresh venues that do not contradict all others.

The median is what Pyth and Chainlink build on, the rejection by median absolute deviation is CoinGecko's
(price-aggregation methodology), the volume in the weights follows CF Benchmarks' weighted median. What holds:

- the price lies between the lowest and the highest fresh venue, and between the consolidated bid and ask;
- the order in which venues spoke does not matter;
- a stale venue has no weight, and no fresh venue means no new price;
- one liar among three or more venues cannot leave the range of the honest ones, as long as these agree within
  REJECT_FLOOR: a venue has at most 1.5 of n + 0.5 votes, which is less than half from three venues on.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum

import msgspec

from services.prices.domain.numbers import BASIS_POINT, midpoint, places, round_up

REJECT_FLOOR = 100 * BASIS_POINT  # honest venues measured at most 20 bp apart, through a 1.5 % jump in a minute
REJECT_DEVIATIONS = 6
MAD_TO_SIGMA = Decimal("1.4826")  # of a normal distribution
DISAGREEMENT = 25 * BASIS_POINT
BRIDGE_UNCERTAINTY = 10 * BASIS_POINT  # USDT strays about this far from one dollar on ordinary days
MINIMUM_USED = 2  # rejection never leaves fewer venues than this
ONE = Decimal(1)
HALF = Decimal("0.5")


class Quality(Enum):
    """How far a price can be trusted; the values are those of the wire."""

    GOOD = 1
    DEGRADED = 2
    STALE = 3
    SINGLE_SOURCE = 4


class Vote(msgspec.Struct, frozen=True):
    """What one venue brings to the consolidation. Ages in seconds, volume in the base currency."""

    venue: str
    price: Decimal
    age: float
    age_limit: float
    bid: Decimal | None = None
    ask: Decimal | None = None
    volume: Decimal | None = None
    open_24h: Decimal | None = None
    event_time: int = 0
    digits: int = 0
    bridged: bool = False

    @property
    def fresh(self) -> bool:
        """Whether the venue spoke within its age limit."""
        return self.age <= self.age_limit


class Rejected(msgspec.Struct, frozen=True):
    """A venue that did not count, and why: "stale" or "outlier"."""

    venue: str
    reason: str


class Consolidated(msgspec.Struct, frozen=True):
    """One price and who stands behind it. `age` is that of the oldest venue that counted, in seconds."""

    price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    confidence: Decimal
    change_24h: Decimal | None
    volume_24h: Decimal | None
    quality: Quality
    used: tuple[Vote, ...]
    rejected: tuple[Rejected, ...]
    age: float
    event_time: int
    digits: int


def consolidate(votes: Sequence[Vote]) -> Consolidated | None:
    """The price that the fresh votes agree on; None when there is none, for a price never comes from nothing."""
    ordered = sorted(votes, key=lambda vote: vote.venue)
    fresh = [vote for vote in ordered if vote.fresh]
    if not fresh:
        return None
    outliers = _outliers(fresh)
    used = [vote for vote in fresh if vote.venue not in outliers]
    rejected = [Rejected(vote.venue, "stale") for vote in ordered if not vote.fresh]
    rejected += [Rejected(venue, "outlier") for venue in sorted(outliers)]
    return _agree(used, tuple(rejected))


def _agree(used: list[Vote], rejected: tuple[Rejected, ...]) -> Consolidated:
    weights = _weights(used)
    digits = max(_digits(vote) for vote in used)
    price = weighted_median([vote.price for vote in used], weights, digits)
    bid, ask = _top(used, weights, digits)
    return Consolidated(
        price=price,
        bid=bid,
        ask=ask,
        confidence=_confidence(used, price, digits),
        change_24h=_change(used, weights, price, digits),
        volume_24h=_volume(used),
        quality=_quality(used, rejected, price),
        used=tuple(used),
        rejected=rejected,
        age=max(vote.age for vote in used),
        event_time=max(vote.event_time for vote in used),
        digits=digits,
    )


def _digits(vote: Vote) -> int:
    """The grid that all of a venue's prices are on. One grid for all keeps the order of price, bid and ask."""
    known = (price for price in (vote.price, vote.bid, vote.ask) if price is not None)
    return max(vote.digits, *(places(price) for price in known))


def weighted_median(values: Sequence[Decimal], weights: Sequence[Decimal], digits: int) -> Decimal:
    """The smallest value whose cumulative weight passes half; the middle of two when it is exactly half.

    Weights are positive. The middle is rounded to `digits` after the point.
    """
    ranked = sorted(zip(values, weights, strict=True))
    half = sum(weights, Decimal(0)) / 2
    total = Decimal(0)
    for position, (value, weight) in enumerate(ranked):
        total += weight
        if total == half:
            return midpoint(value, ranked[position + 1][0], digits)
        if total > half:
            return value
    raise ValueError("the median of nothing")


def _weights(votes: Sequence[Vote]) -> list[Decimal]:
    """A whole vote each, and up to half a vote more for the venue's share of the volume.

    Two venues, or a venue whose volume is unknown: equal weights. (Of two, the larger one would always win.)
    """
    volumes = [vote.volume for vote in votes if vote.volume is not None]
    total = sum(volumes, Decimal(0))
    if len(votes) <= MINIMUM_USED or len(volumes) < len(votes) or total <= 0:
        return [ONE] * len(votes)
    return [ONE + HALF * volume / total for volume in volumes]


def _outliers(fresh: Sequence[Vote]) -> frozenset[str]:
    """Venues too far from the median, by six deviations and by the floor; two at least are always left."""
    if len(fresh) <= MINIMUM_USED:
        return frozenset()
    prices = [vote.price for vote in fresh]
    centre = _plain_median(prices)
    distances = {vote.venue: abs(vote.price - centre) for vote in fresh}
    spread = MAD_TO_SIGMA * _plain_median(list(distances.values()))
    threshold = max(REJECT_DEVIATIONS * spread, REJECT_FLOOR * centre)
    farthest_first = sorted(distances, key=lambda venue: (-distances[venue], venue))
    far = [venue for venue in farthest_first if distances[venue] > threshold]
    return frozenset(far[: len(fresh) - MINIMUM_USED])


def _plain_median(values: list[Decimal]) -> Decimal:
    ranked = sorted(values)
    middle = len(ranked) // 2
    return ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2


def _top(used: Sequence[Vote], weights: Sequence[Decimal], digits: int) -> tuple[Decimal | None, Decimal | None]:
    """The bid and the ask that the venues agree on: their medians, which never cross and always hold the price.

    (The best of all bids and asks would cross whenever two venues are further apart than their spreads.)
    A venue without a book stands in with its price.
    """
    if all(vote.bid is None for vote in used) or all(vote.ask is None for vote in used):
        return None, None
    bids = [vote.price if vote.bid is None else vote.bid for vote in used]
    asks = [vote.price if vote.ask is None else vote.ask for vote in used]
    return weighted_median(bids, weights, digits), weighted_median(asks, weights, digits)


def _confidence(used: Sequence[Vote], price: Decimal, digits: int) -> Decimal:
    """Half-width of the smallest band around the price that holds the band of every venue that counted."""
    return max(round_up(abs(vote.price - price) + _uncertainty(vote), digits + 1) for vote in used)


def _uncertainty(vote: Vote) -> Decimal:
    spread = Decimal(0) if vote.bid is None or vote.ask is None else max(Decimal(0), vote.ask - vote.bid) / 2
    return spread + BRIDGE_UNCERTAINTY * vote.price if vote.bridged else spread


def _change(used: Sequence[Vote], weights: Sequence[Decimal], price: Decimal, digits: int) -> Decimal | None:
    opens = [(vote.open_24h, weight) for vote, weight in zip(used, weights, strict=True) if vote.open_24h]
    if not opens:
        return None
    begun = weighted_median([value for value, _ in opens], [weight for _, weight in opens], digits)
    return ((price / begun - 1) * 100).quantize(Decimal("0.01"))


def _volume(used: Sequence[Vote]) -> Decimal | None:
    volumes = [vote.volume for vote in used if vote.volume is not None]
    return sum(volumes, Decimal(0)) if volumes else None


def _quality(used: Sequence[Vote], rejected: Sequence[Rejected], price: Decimal) -> Quality:
    if len(used) == 1:
        return Quality.SINGLE_SOURCE
    prices = [vote.price for vote in used]
    if rejected or max(prices) - min(prices) > DISAGREEMENT * price:
        return Quality.DEGRADED
    return Quality.GOOD
