"""What clients read: own memory while ingesting, else what the ingester left."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from cryptovault.prices.v1.price_pb2 import Price, Source, Venue

from services.kit.cache import Cache, CacheOptions
from services.kit.errors import NotFound, Unavailable
from services.kit.testing import FakeClock
from services.prices.board import Board
from services.prices.catalogue import Catalogue
from services.prices.domain.candles import Candle, CandleBook
from services.prices.domain.events import Trade
from services.prices.domain.instruments import Instrument
from services.prices.domain.market import Market
from services.prices.history import History

BTC = Instrument("binance", "BTCUSD", "BTC", "USD", 2)
NOW = datetime(2024, 8, 9, tzinfo=UTC)
FOLLOWER = SimpleNamespace(tenure=None)


def candle(opened, trades, close="2"):
    return Candle(opened, Decimal(1), Decimal(3), Decimal(1), Decimal(close), Decimal(1), trades, 0, 0)


class Store:
    """PostgreSQL with given candles; may be away."""

    def __init__(self, *candles, instruments=()):
        self.candles, self.instruments, self.away, self.reads = list(candles), list(instruments), False, 0

    async def read(self, *asked):
        self.reads += 1
        if self.away:
            raise Unavailable
        return self.candles if asked else self.instruments

    async def read_rolled_up(self, *asked):
        return await self.read(*asked)


class Left:
    """What an ingester left in Redis."""

    def __init__(self, alive):
        self.alive = alive
        self.held = Price(symbol="BTC-USD", quality=Price.GOOD, sources=[Source(venue="binance", age_ms=5)])
        self.held.published_at.FromDatetime(NOW)

    async def prices(self):
        return [self.held], self.alive

    async def price(self, symbol):
        return (self.held if symbol == "BTC-USD" else None), self.alive

    async def venues(self):
        return [Venue(venue="kraken", connected=True), Venue(venue="binance", connected=True)], self.alive


@pytest.fixture
def clock():
    return FakeClock(NOW.timestamp() + 1)


def cache(clock):
    return Cache("test", options=CacheOptions(grace=60), clock=clock)


async def test_a_follower_ages_what_the_ingester_left(clock):
    board = Board(FOLLOWER, Left(alive=True), clock)
    [listed], single = await board.prices(), await board.price("BTC-USD")
    assert listed == single
    assert (single.sources[0].age_ms, single.quality) == (1005, Price.GOOD)
    assert await board.price("NO-SUCH") is None


async def test_without_an_ingester_prices_are_stale_and_no_venue_is_connected(clock):
    board = Board(FOLLOWER, Left(alive=False), clock)
    assert [price.quality for price in await board.prices()] == [Price.STALE]
    assert [(item.venue, item.connected) for item in await board.venues()] == [("binance", False), ("kraken", False)]


async def test_an_ingester_answers_from_its_own_memory(clock):
    own = Price(symbol="BTC-USD", price="7")
    tenure = SimpleNamespace(publisher=SimpleNamespace(prices={"BTC-USD": own}), monitors=[])
    board = Board(SimpleNamespace(tenure=tenure), Left(alive=False), clock)
    assert (await board.price("BTC-USD")).price == (await board.prices())[0].price == "7"
    assert await board.venues() == []


async def test_symbols_come_from_the_market_or_from_postgres_through_the_cache(clock):
    store, market = Store(instruments=[BTC]), Market()
    follower = Catalogue(FOLLOWER, store, cache(clock))
    ingester = Catalogue(SimpleNamespace(tenure=SimpleNamespace(market=market)), store, cache(clock))
    market.list_instruments("kraken", [Instrument("kraken", "ETH/USD", "ETH", "USD", 2)])
    assert list(await follower.symbols()) == list(await follower.symbols()) == ["BTC-USD"]
    assert list(await ingester.symbols()) == ["ETH-USD"]
    assert store.reads == 1


async def test_an_unknown_symbol_differs_from_not_knowing_any(clock):
    with pytest.raises(NotFound, match="NO-SUCH"):
        await Catalogue(FOLLOWER, Store(instruments=[BTC]), cache(clock)).instruments("NO-SUCH")
    with pytest.raises(Unavailable):
        await Catalogue(FOLLOWER, Store(), cache(clock)).instruments("BTC-USD")


async def test_the_running_candle_lies_on_top_of_what_is_stored(clock):
    minute = int(NOW.timestamp())
    book = CandleBook()
    book.expect("BTC-USD", "binance")
    for number in (1, 2):
        book.add("binance", Trade("BTC-USD", Decimal(9), Decimal(1), "buy", number, minute * 10**9), 0.0)
    role = SimpleNamespace(tenure=SimpleNamespace(candles=book))
    store = Store(candle(minute - 60, 5), candle(minute, 1))
    answer = await History(role, store, cache(clock), clock).read("BTC-USD", "1m", None, None, 10, 2)
    assert [(item.trades, item.close) for item in answer.candles] == [(5, "2.00"), (2, "9.00")]


async def test_settled_ranges_are_cached_and_outlive_postgres(clock):
    store = Store(candle(0, 5))
    history = History(FOLLOWER, store, cache(clock), clock)
    asked = ("BTC-USD", "5m", NOW - timedelta(hours=3), NOW - timedelta(hours=2), 10, 2)
    first = await history.read(*asked)
    store.away = True
    assert await history.read(*asked) == first
    assert store.reads == 1
    with pytest.raises(Unavailable):
        await history.read("BTC-USD", "5m", None, None, 10, 2)
