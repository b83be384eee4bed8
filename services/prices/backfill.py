"""History for charts that would begin empty: the venues' own candles of the last hours, asked for once at the start."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import aiohttp
import msgspec

from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.prices.adapters.candle_store import CandleStore
from services.prices.domain.candles import INTERVAL, Candle
from services.prices.domain.instruments import Instrument
from services.prices.domain.market import Market
from services.prices.feeds.base import Feed
from services.prices.feeds.connection import FAILURES

logger = logging.getLogger(__name__)

SYMBOLS_LIMIT = 100
PAUSE = 0.25  # seconds between requests: far below what any venue allows
LISTING_PATIENCE = 10  # seconds to wait for all venues' instruments
RETRY_EVERY = 1.0  # seconds, while PostgreSQL is away


class Backfill:
    """Asks one venue for each symbol: the first, in the order of the feeds, that lists it.

    Such candles hold one venue's trades only. Where other venues list the symbol too, they are marked as not complete.
    """

    def __init__(
        self, feeds: Sequence[Feed], http: aiohttp.ClientSession, market: Market, store: CandleStore, clock: Clock
    ) -> None:
        self._feeds = {feed.name: feed for feed in feeds}
        self._http = http
        self._market = market
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Fill in what can be had; ends when done."""
        await self._wait_for_listings()
        for instrument, others in self._chosen():
            candles = await self._ask(instrument)
            await self._keep(instrument, [msgspec.structs.replace(item, complete=not others) for item in candles])
            await self._clock.sleep(PAUSE)

    async def _wait_for_listings(self) -> None:
        for _ in range(LISTING_PATIENCE):
            if self._market.venues >= self._feeds.keys():
                return
            await self._clock.sleep(1.0)

    def _chosen(self) -> Iterator[tuple[Instrument, bool]]:
        """For each symbol the instrument to ask for, and whether other venues list it too."""
        symbols: Mapping[str, tuple[Instrument, ...]] = self._market.symbols
        for instruments in list(symbols.values())[:SYMBOLS_LIMIT]:
            by_venue = {item.venue: item for item in instruments}
            first = next(venue for venue in self._feeds if venue in by_venue)
            yield by_venue[first], len(by_venue) > 1

    async def _ask(self, instrument: Instrument) -> list[Candle]:
        try:
            candles = await self._feeds[instrument.venue].candles(self._http, instrument)
        except FAILURES as error:
            logger.info("%s tells no history of %s: %s", instrument.venue, instrument.symbol, error)
            return []
        over = self._clock.time() - INTERVAL
        return [candle for candle in candles if candle.open_time <= over]  # the running minute is not over

    async def _keep(self, instrument: Instrument, candles: Sequence[Candle]) -> None:
        while True:
            try:
                await self._store.backfill(instrument.symbol, candles, instrument.venue)
                return
            except Unavailable:
                await self._clock.sleep(RETRY_EVERY)
