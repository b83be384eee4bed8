from decimal import Decimal

import pytest

from services.prices.domain.consolidation import Quality
from services.prices.domain.events import DayStats, Quote, Trade
from services.prices.domain.instruments import Instrument, bridge_usdt, select
from services.prices.domain.market import Market
from services.prices.domain.source import MAXIMUM_AGE_LIMIT, Source


def pair(venue="binance", base="BTC", quote="USD", digits=2):
    return Instrument(venue, f"{base}{quote}", base, quote, digits)


def quote(bid="100.00", ask="100.02", last=None, at=0):
    return Quote("BTC-USD", Decimal(bid), Decimal(ask), None if last is None else Decimal(last), at)


def trade(price, at=1):
    return Trade("BTC-USD", Decimal(price), Decimal(1), "buy", 1, at)


@pytest.fixture
def market():
    market = Market()
    for venue in ("binance", "coinbase", "kraken"):
        market.list_instruments(venue, [pair(venue)])
    return market


def test_a_symbol_without_a_word_from_any_venue_has_no_price(market):
    assert market.price("BTC-USD", 0.0) is None
    assert market.price("NO-SUCH", 0.0) is None


@pytest.mark.parametrize(
    ("last", "price"),
    [("100.01", "100.01"), ("99.00", "100.00"), ("101.00", "100.02")],
)
def test_the_last_trade_counts_inside_the_book_of_its_venue(last, price):
    source = Source(pair())
    source.trade(trade(last), 0.0)
    source.quote(quote(), 0.1)
    assert source.price == Decimal(price)


def test_before_any_trade_the_middle_of_the_book_counts():
    source = Source(pair())
    source.quote(quote("100.00", "100.04"), 0.0)
    assert source.price == Decimal("100.02")


def test_the_age_limit_is_five_seconds_or_four_usual_gaps():
    busy, slow, silent = (Source(pair()) for _ in range(3))
    for step in range(20):
        busy.quote(quote(), step * 0.1)
        slow.quote(quote(), step * 3.0)
        silent.quote(quote(), step * 3600.0)
    assert (busy.age_limit, slow.age_limit, silent.age_limit) == (5.0, 12.0, MAXIMUM_AGE_LIMIT)


def test_age_is_measured_by_our_clock_and_event_time_is_the_exchanges(market):
    years_ago = 1_618_677_374_000_000_000
    market.apply("binance", quote(at=years_ago), received=100.0)
    price = market.price("BTC-USD", 101.5)
    assert (price.age, price.event_time, price.quality) == (1.5, years_ago, Quality.SINGLE_SOURCE)


def test_a_price_whose_venues_all_fell_silent_is_repeated_as_stale_with_growing_age(market):
    market.apply("binance", quote(last="100.01"), received=0.0)
    live, stale, older = (market.price("BTC-USD", now) for now in (1.0, 6.0, 60.0))
    assert (live.price, live.quality) == (stale.price, Quality.SINGLE_SOURCE)
    assert (stale.quality, stale.age, older.age) == (Quality.STALE, 6.0, 60.0)
    assert [vote.venue for vote in older.used] == ["binance"]


def test_a_stale_price_recovers_with_the_next_word(market):
    market.apply("binance", quote(last="100.01"), received=0.0)
    assert market.price("BTC-USD", 10.0) is None  # never asked while it was fresh: nothing to repeat
    market.apply("binance", quote(last="100.02"), received=10.0)
    assert market.price("BTC-USD", 10.0).quality is Quality.SINGLE_SOURCE


def test_the_day_of_a_venue_does_not_refresh_its_price(market):
    market.apply("binance", quote(), received=0.0)
    market.apply("binance", DayStats("BTC-USD", Decimal(90), Decimal(5)), received=4.0)
    assert market.price("BTC-USD", 4.5).age == 4.5


def test_listing_again_keeps_what_is_known(market):
    market.apply("binance", quote(), received=0.0)
    market.list_instruments("binance", [pair(), pair(base="ETH")])
    assert market.price("BTC-USD", 1.0).price == Decimal("100.01")
    assert list(market.symbols) == ["BTC-USD", "ETH-USD"]


def test_tether_pairs_stand_for_dollars_only_where_a_venue_has_no_dollar_pair():
    listed = [
        Instrument("binance", "BTCUSDT", "BTC", "USDT", 2),
        Instrument("kraken", "BTC/USDT", "BTC", "USDT", 1),
        Instrument("kraken", "BTC/USD", "BTC", "USD", 1),
    ]
    assert [(item.symbol, item.bridged) for item in bridge_usdt(listed)] == [
        ("BTC-USD", True),
        ("BTC-USDT", False),
        ("BTC-USD", False),
    ]


def test_only_wanted_symbols_are_selected_and_all_when_none_is_named():
    listed = [pair(), pair(base="ETH")]
    assert select(listed, ["ETH-USD"]) == [listed[1]]
    assert select(listed, []) == listed
