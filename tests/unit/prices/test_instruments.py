"""Instrument lists as the venues really print them."""

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.prices.feeds.base import FeedError
from services.prices.feeds.binance import Binance
from services.prices.feeds.coinbase import Coinbase
from services.prices.feeds.kraken import Kraken


async def listed(kind, path, body):
    async def answer(request):
        return web.Response(body=body)

    app = web.Application()
    app.add_routes([web.get(path, answer)])
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        instruments = await kind("ws://unused", str(server.make_url("/"))).instruments(http)
    return {item.native: item for item in instruments}


async def test_binance_pairs_that_trade_are_listed(recordings):
    pairs = await listed(Binance, "/api/v3/exchangeInfo", recordings.answer("BINANCE_20210417.instruments.gz"))
    assert 1000 < len(pairs) < 1405
    assert (pairs["ETHBTC"].symbol, pairs["ETHBTC"].digits) == ("ETH-BTC", 6)
    assert pairs["BUSDTRY"].symbol == "BUSD-TRY"


async def test_coinbase_products_are_listed(recordings):
    products = await listed(Coinbase, "/products", recordings.answer("COINBASE_20210417.instruments"))
    assert len(products) > 100
    assert (products["SKL-USD"].symbol, products["SKL-USD"].digits) == ("SKL-USD", 4)


async def test_kraken_pairs_get_their_usual_names_and_the_ones_of_its_websocket(recordings):
    pairs = await listed(Kraken, "/0/public/AssetPairs", recordings.answer("KRAKEN_20210417.instruments"))
    assert (pairs["BTC/CHF"].symbol, pairs["BTC/CHF"].digits) == ("BTC-CHF", 1)
    assert pairs["DOGE/USD"].symbol == "DOGE-USD"
    assert len(pairs) == 293  # of 304: eleven dark pools have no name on the WebSocket


async def test_an_error_in_a_good_answer_is_an_error():
    with pytest.raises(FeedError, match="EService:Unavailable"):
        await listed(Kraken, "/0/public/AssetPairs", b'{"error":["EService:Unavailable"]}')
