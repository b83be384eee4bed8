import asyncio

import pytest
from cryptovault.prices.v1 import prices_service_pb2 as rpc
from cryptovault.prices.v1.price_pb2 import Price
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.errors import InvalidInput, NotFound, Unavailable
from services.prices.domain.instruments import Instrument
from services.prices.handlers import PricesHandlers
from services.prices.streams import Streams

BTC = Instrument("binance", "BTCUSD", "BTC", "USD", 2)
FAR = Timestamp(seconds=-(10**13))
ETH = Instrument("kraken", "ETH/USD", "ETH", "USD", 1)


class Catalogue:
    async def symbols(self):
        return {"BTC-USD": (BTC,), "ETH-USD": (ETH,)}

    async def instruments(self, symbol):
        symbols = await self.symbols()
        if symbol not in symbols:
            raise NotFound(symbol)
        return symbols[symbol]


class Board:
    def __init__(self):
        self.known = [Price(symbol="BTC-USD", price="100.00", seq=1)]

    async def prices(self):
        return self.known

    async def price(self, symbol):
        return next((price for price in self.known if price.symbol == symbol), None)

    async def venues(self):
        return []


class History:
    async def read(self, symbol, interval, start, end, limit, digits):
        self.asked = (symbol, interval, start, end, limit, digits)
        return rpc.ListCandlesResponse(symbol=symbol, interval=interval)


@pytest.fixture
def history():
    return History()


@pytest.fixture
def streams():
    return Streams()


@pytest.fixture
def handlers(history, streams):
    return PricesHandlers(Catalogue(), Board(), history, streams)


@pytest.mark.parametrize("symbols", [[], ["btc-usd"], ["BTC-USD,ETH-USD"], ["BTC-USD", " eth-usd "], [","]])
async def test_prices_are_listed_and_filtered_however_the_filter_is_written(handlers, symbols):
    answer = await handlers.ListPrices(rpc.ListPricesRequest(symbols=symbols), None)
    assert [price.symbol for price in answer.prices] == ["BTC-USD"]


async def test_a_filter_with_an_unknown_symbol_is_not_found(handlers):
    with pytest.raises(NotFound, match="DOGE-USD"):
        await handlers.ListPrices(rpc.ListPricesRequest(symbols=["BTC-USD,DOGE-USD"]), None)


async def test_a_known_symbol_without_a_price_yet_is_unavailable(handlers):
    with pytest.raises(Unavailable, match="ETH-USD"):
        await handlers.GetPrice(rpc.GetPriceRequest(symbol="ETH-USD"), None)


async def test_candles_have_defaults(handlers, history):
    await handlers.ListCandles(rpc.ListCandlesRequest(symbol="eth-usd"), None)
    assert history.asked == ("ETH-USD", "1m", None, None, 100, 1)


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (rpc.ListCandlesRequest(interval="1s"), ["interval"]),
        (rpc.ListCandlesRequest(limit=-1), ["limit"]),
        (rpc.ListCandlesRequest(limit=1001), ["limit"]),
        (rpc.ListCandlesRequest(start=Timestamp(seconds=5), end=Timestamp(seconds=5)), ["end"]),
        (rpc.ListCandlesRequest(start=Timestamp(seconds=10**12)), ["start"]),
        (
            rpc.ListCandlesRequest(interval="x", limit=9999, end=Timestamp(seconds=-(9**13))),
            ["interval", "limit", "end"],
        ),
    ],
)
async def test_every_wrong_field_of_a_candle_request_is_named(handlers, request_, fields):
    request_.symbol = "BTC-USD"
    with pytest.raises(InvalidInput) as caught:
        await handlers.ListCandles(request_, None)
    assert [item.field for item in caught.value.fields] == fields


async def test_a_stream_gives_the_latest_price_at_once_and_then_the_newest(handlers, streams):
    stream = handlers.StreamPrices(rpc.StreamPricesRequest(symbol="BTC-USD"), None)
    first = (await anext(stream)).price.seq
    for seq in (2, 3):
        streams.put(Price(symbol="BTC-USD", seq=seq))
    second = (await anext(stream)).price.seq
    await stream.aclose()
    assert (first, second) == (1, 3)


async def test_a_stream_that_is_cancelled_leaves_nothing_behind(handlers, streams):
    stream = handlers.StreamPrices(rpc.StreamPricesRequest(symbol="BTC-USD"), None)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not streams._slots


async def test_symbols_are_listed_with_their_venues(handlers):
    answer = await handlers.ListSymbols(rpc.ListSymbolsRequest(), None)
    assert [(item.symbol, item.base, list(item.venues)) for item in answer.symbols] == [
        ("BTC-USD", "BTC", ["binance"]),
        ("ETH-USD", "ETH", ["kraken"]),
    ]
