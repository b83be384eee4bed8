"""What is known before the first tick: latest prices and instruments, asked of the prices service."""

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import grpc
from cryptovault.prices.v1.price_pb2 import Price
from cryptovault.prices.v1.prices_service_pb2 import ListPricesRequest, ListSymbolsRequest

from services.kit.retry import Backoff
from services.realtime.domain.market import Market
from services.realtime.translation import tick_of

if TYPE_CHECKING:
    from cryptovault.prices.v1.prices_service_pb2_grpc import PricesServiceAsyncStub

logger = logging.getLogger(__name__)

TIMEOUT = 2.0  # seconds
BACKOFF = Backoff(base=0.2, cap=2.0)


class Warmer:
    """Fills the market at the start, and after every connection of the bus with what was missed meanwhile."""

    def __init__(self, market: Market, prices: "PricesServiceAsyncStub") -> None:
        self._market = market
        self._prices = prices
        self._wanted = asyncio.Event()
        self._wanted.set()

    async def connected(self) -> None:
        """The bus is there (again)."""
        self._wanted.set()

    async def run(self) -> None:
        """Warm the market whenever it is wanted, for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._warm()

    async def _warm(self) -> None:
        for pause in BACKOFF.pauses():
            try:
                symbols = await self._prices.ListSymbols(ListSymbolsRequest(), timeout=TIMEOUT)
                prices = await self._prices.ListPrices(ListPricesRequest(), timeout=TIMEOUT)
            except grpc.aio.AioRpcError as error:
                logger.debug("prices cannot be asked for the latest: %s", error.code())
                await asyncio.sleep(pause)
            else:
                self._market.learn(symbol.symbol for symbol in symbols.symbols)
                self._take(prices.prices)
                return

    def _take(self, prices: Iterable[Price]) -> None:
        for price in prices:
            self._market.tick(tick_of(price))
