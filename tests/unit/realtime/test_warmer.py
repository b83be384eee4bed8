import asyncio
from contextlib import suppress

import grpc
import pytest
from cryptovault.prices.v1.price_pb2 import Price, Symbol
from cryptovault.prices.v1.prices_service_pb2 import ListPricesResponse, ListSymbolsResponse

from services.kit.testing import FakeClock
from services.realtime.adapters.prices import Warmer
from services.realtime.domain.market import Market
from services.realtime.domain.streams import Rates
from tests.unit.realtime.helpers import eventually


class FakePrices:
    """Prices, away for the first calls."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.seq = 0

    async def ListSymbols(self, request, timeout):
        self.failures -= 1
        if self.failures >= 0:
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())
        return ListSymbolsResponse(symbols=[Symbol(symbol="BTC-USD"), Symbol(symbol="ETH-USD")])

    async def ListPrices(self, request, timeout):
        self.seq += 1
        return ListPricesResponse(prices=[Price(symbol="BTC-USD", price=str(self.seq), seq=self.seq)])


@pytest.fixture
async def market_and_warmer():
    market = Market(Rates(), FakeClock())
    warmer = Warmer(market, FakePrices(failures=2))
    task = asyncio.create_task(warmer.run())
    yield market, warmer
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_market_is_warmed_as_soon_as_prices_answers(market_and_warmer):
    market, _ = market_and_warmer
    await eventually(lambda: not market.knows("DOGE-USD"))
    assert market.knows("ETH-USD")


async def test_a_connection_of_the_bus_brings_what_was_missed(market_and_warmer):
    market, warmer = market_and_warmer
    await eventually(lambda: "BTC-USD" in market._latest)
    await warmer.connected()
    await eventually(lambda: market._latest["BTC-USD"].quote.seq == 2)
    assert market._latest["BTC-USD"].quote.price == "2"
