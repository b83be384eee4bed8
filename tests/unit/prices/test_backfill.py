from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.kit.errors import Unavailable
from services.kit.testing import FakeClock
from services.prices.backfill import Backfill
from services.prices.domain.instruments import Instrument
from services.prices.domain.market import Market
from services.prices.feeds.base import FeedError, candle
from services.prices.feeds.binance import Binance
from services.prices.feeds.coinbase import Coinbase
from services.prices.feeds.kraken import Kraken

NOW = 1_700_000_100


def minute(open_time):
    return candle(open_time, Decimal(1), Decimal(3), Decimal("0.5"), Decimal(2), Decimal("7.5"), 4)


class Feed:
    def __init__(self, name, candles):
        self.name = name
        self._candles = candles

    async def candles(self, http, instrument):
        if isinstance(self._candles, Exception):
            raise self._candles
        return self._candles


class Store:
    def __init__(self, failures=0):
        self.kept = {}
        self._failures = failures

    async def backfill(self, symbol, candles, venue):
        if self._failures:
            self._failures -= 1
            raise Unavailable
        self.kept[symbol] = (venue, [(item.open_time, item.complete) for item in candles])


def market_of(**venues):
    market = Market()
    for venue, bases in venues.items():
        market.list_instruments(venue, [Instrument(venue, base, base, "USD", 2) for base in bases])
    return market


async def run(feeds, market, store):
    await Backfill(feeds, None, market, store, FakeClock(NOW)).run()
    return store.kept


async def test_each_symbol_is_asked_of_the_first_venue_that_lists_it_and_marked():
    feeds = [Feed("binance", [minute(NOW - 200)]), Feed("kraken", [minute(NOW - 100)])]
    kept = await run(feeds, market_of(binance=["BTC"], kraken=["BTC", "XMR"]), Store())
    assert kept == {"BTC-USD": ("binance", [(NOW - 200, False)]), "XMR-USD": ("kraken", [(NOW - 100, True)])}


async def test_the_minute_that_is_not_over_is_left_out():
    kept = await run([Feed("binance", [minute(NOW - 60), minute(NOW - 59)])], market_of(binance=["BTC"]), Store())
    assert kept["BTC-USD"] == ("binance", [(NOW - 60, True)])


async def test_a_venue_that_refuses_is_passed_over_and_postgres_is_waited_for():
    feeds = [Feed("binance", FeedError("no")), Feed("kraken", [minute(0)])]
    kept = await run(feeds, market_of(binance=["BTC"], kraken=["XMR"]), Store(failures=3))
    assert kept == {"BTC-USD": ("binance", []), "XMR-USD": ("kraken", [(0, True)])}


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        (Binance, "/api/v3/klines", '[[60000,"1","3","0.5","2","7.5",119999,"9",4,"1","1","0"]]'),
        (Kraken, "/0/public/OHLC", '{"error":[],"result":{"X":[[60,"1","3","0.5","2","1.5","7.5",4]],"last":60}}'),
    ],
)
async def test_the_candles_of_every_venue_are_read(kind, path, body):
    assert await candles_of(kind, path, body) == [minute(60)]


async def test_coinbase_candles_come_newest_first_and_without_a_number_of_trades():
    body = "[[120,0.5,3,1,2,7.5],[60,0.5,3,1,2,7.5]]"
    found = await candles_of(Coinbase, "/products/BTC-USD/candles", body)
    assert [(item.open_time, item.low, item.open, item.trades) for item in found] == [
        (60, Decimal("0.5"), 1, 0),
        (120, Decimal("0.5"), 1, 0),
    ]


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        (Binance, "/api/v3/klines", '{"code":-1}'),
        (Coinbase, "/products/BTC-USD/candles", '{"message":"no"}'),
        (Kraken, "/0/public/OHLC", '{"error":["EQuery:Unknown asset pair"]}'),
    ],
)
async def test_a_refusal_is_an_error_in_words(kind, path, body):
    with pytest.raises(FeedError):
        await candles_of(kind, path, body)


async def candles_of(kind, path, body):
    async def answer(request):
        return web.Response(text=body)

    app = web.Application()
    app.add_routes([web.get(path, answer)])
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        instrument = Instrument("any", "BTC-USD", "BTC", "USD", 2)
        return await kind("ws://unused", str(server.make_url("/"))).candles(http, instrument)
