from decimal import Decimal
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from services.prices.domain.consolidation import REJECT_FLOOR, Quality, Rejected, Vote, consolidate

NAMES = ("a", "b", "c", "d", "e", "f")


def vote(venue, price, *, age=0.1, volume=None, spread="0.02", **more):
    price, half = Decimal(price), Decimal(spread) / 2
    volume = None if volume is None else Decimal(volume)
    return Vote(venue, price, age, 5.0, bid=price - half, ask=price + half, volume=volume, digits=2, **more)


@st.composite
def votes(draw, minimum=1):
    count = draw(st.integers(minimum, len(NAMES)))
    prices = st.decimals(min_value=100, max_value=200, places=2)
    volumes = st.none() | st.integers(0, 10_000)
    ages = st.floats(0, 10)
    return [vote(name, draw(prices), age=draw(ages), volume=draw(volumes)) for name in NAMES[:count]]


@st.composite
def honest_votes(draw):
    """Three or more fresh venues within the floor of each other."""
    count = draw(st.integers(3, len(NAMES) - 1))
    prices = st.decimals(min_value=100, max_value=Decimal(100) * (1 + REJECT_FLOOR) - Decimal("0.01"), places=2)
    return [vote(name, draw(prices), volume=draw(st.none() | st.integers(0, 10_000))) for name in NAMES[:count]]


@given(votes())
def test_the_price_is_bounded_by_the_fresh_venues(given_votes):
    fresh = [item.price for item in given_votes if item.fresh]
    price = consolidate(given_votes)
    if fresh:
        assert min(fresh) <= price.price <= max(fresh)
    else:
        assert price is None


@given(votes())
def test_the_price_lies_between_the_consolidated_bid_and_ask(given_votes):
    price = consolidate(given_votes)
    assume(price is not None)
    assert price.bid <= price.price <= price.ask


@given(votes(), st.integers())
def test_the_order_of_the_venues_does_not_matter(given_votes, seed):
    shuffled = list(given_votes)
    Random(seed).shuffle(shuffled)
    assert consolidate(shuffled) == consolidate(given_votes)


@given(votes())
def test_a_stale_venue_has_no_weight_and_is_named(given_votes):
    fresh = [item for item in given_votes if item.fresh]
    assume(fresh)
    with_stale, without = consolidate(given_votes), consolidate(fresh)
    assert with_stale.price == without.price
    assert {item.venue for item in with_stale.rejected if item.reason == "stale"} == {
        item.venue for item in given_votes if not item.fresh
    }


@given(honest_votes(), st.decimals(min_value="0.01", max_value="1000000", places=2), st.none() | st.integers(0, 10**9))
def test_one_liar_moves_the_price_by_no_more_than_the_honest_venues_differ(honest, lie, volume):
    prices = [item.price for item in honest]
    lied_to = consolidate([*honest, vote("z", lie, volume=volume)])
    assert abs(lied_to.price - consolidate(honest).price) <= max(prices) - min(prices)
    assert min(prices) <= lied_to.price <= max(prices)


@given(votes())
def test_every_venue_is_either_used_or_rejected(given_votes):
    price = consolidate(given_votes)
    assume(price is not None)
    venues = [item.venue for item in price.used] + [item.venue for item in price.rejected]
    assert sorted(venues) == sorted(item.venue for item in given_votes)


@given(votes(minimum=2))
def test_rejecting_outliers_leaves_at_least_two_venues(given_votes):
    fresh = [item for item in given_votes if item.fresh]
    assume(len(fresh) >= 2)
    assert len(consolidate(given_votes).used) >= 2


@given(votes())
def test_the_confidence_band_holds_every_venue_that_counted(given_votes):
    price = consolidate(given_votes)
    assume(price is not None)
    assert all(abs(item.price - price.price) <= price.confidence for item in price.used)


def test_a_price_never_comes_from_nothing():
    assert consolidate([]) is None
    assert consolidate([vote("a", "100", age=5.1)]) is None


def test_a_single_venue_keeps_its_digits_exactly():
    price = consolidate([vote("binance", "61837.63000000")])
    assert (price.price, price.quality) == (Decimal("61837.63"), Quality.SINGLE_SOURCE)


def test_a_liar_is_rejected_and_named():
    price = consolidate([vote("a", "100.00"), vote("b", "100.02"), vote("c", "1000.00")])
    assert price.rejected == (Rejected("c", "outlier"),)
    assert price.price == Decimal("100.01")
    assert price.quality is Quality.DEGRADED


def test_two_venues_meet_in_the_middle_whatever_their_volume():
    price = consolidate([vote("a", "100.00", volume=1), vote("b", "100.04", volume=1000)])
    assert price.price == Decimal("100.02")
    assert price.quality is Quality.GOOD


def test_volume_decides_between_venues_but_never_outvotes_the_others():
    price = consolidate([vote("a", "100", volume=10**9), vote("b", "101", volume=1), vote("c", "102", volume=1)])
    assert price.price == Decimal(101)


def test_venues_that_disagree_degrade_the_price():
    price = consolidate([vote("a", "100.00"), vote("b", "100.30")])
    assert price.quality is Quality.DEGRADED


def test_tether_taken_for_dollars_widens_the_confidence():
    plain, bridged = consolidate([vote("a", "100")]), consolidate([vote("a", "100", bridged=True)])
    assert bridged.confidence == plain.confidence + Decimal("0.1")


def test_change_and_volume_cover_the_venues_that_counted():
    price = consolidate(
        [vote("a", "110", volume=2, open_24h=Decimal(100)), vote("b", "110", volume=3, open_24h=Decimal(100))]
    )
    assert (price.change_24h, price.volume_24h) == (Decimal("10.00"), Decimal(5))


def test_change_and_volume_are_unknown_while_no_venue_tells_them():
    price = consolidate([vote("a", "110")])
    assert price.change_24h is price.volume_24h is None
