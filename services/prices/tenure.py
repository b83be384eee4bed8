"""What a replica does while it holds the lease: run the feeds, keep the market, make candles, tell everybody."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptovault.events.v1.events_pb2 import CandleUpdate, VenueChanged

from services.kit.cancellation import together
from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.prices.adapters.candle_store import BASE_INTERVAL, CandleStore
from services.prices.adapters.instrument_store import InstrumentStore
from services.prices.adapters.latest import LatestReader, LatestWriter
from services.prices.adapters.wire import to_candle, to_venue
from services.prices.domain.candles import Candle, CandleBook
from services.prices.domain.events import DayStats, Quote, Trade
from services.prices.domain.instruments import Instrument
from services.prices.domain.market import Market
from services.prices.feeds.monitor import Monitor, VenueState
from services.prices.publisher import Events, Publisher

logger = logging.getLogger(__name__)

CANDLES_EVERY = 0.5  # seconds: a busy symbol's candle is published at most twice a second
VENUES_EVERY = 1.0  # seconds
RETRY_EVERY = 1.0  # seconds


class Runnable(Protocol):
    """Something that runs until cancelled."""

    async def run(self) -> None:
        """Run."""
        ...


@dataclass(frozen=True)
class Neighbours:
    """The stores and the bus around a tenure."""

    events: Events
    latest: LatestWriter
    left_behind: LatestReader
    history: CandleStore
    directory: InstrumentStore


class Tenure:
    """One time as the ingester. As the feeds' listener it takes in what venues say."""

    def __init__(self, publisher: Publisher, market: Market, neighbours: Neighbours, clock: Clock) -> None:
        self.market = market
        self.publisher = publisher
        self.candles = CandleBook()
        self.monitors: list[Monitor] = []
        self.works: list[Runnable] = []
        self._neighbours = neighbours
        self._clock = clock
        self._venue_shown: dict[str, tuple[object, ...]] = {}
        self._unsaved: list[Sequence[Instrument]] = []

    def add(self, feed: Runnable, monitor: Monitor) -> None:
        """Run one more feed."""
        self.works.append(feed)
        self.monitors.append(monitor)

    def listed(self, venue: str, instruments: Sequence[Instrument]) -> None:
        """A venue's instruments are known; it is away until it speaks."""
        self.market.list_instruments(venue, instruments)
        for instrument in instruments:
            self.candles.expect(instrument.symbol, venue)
        self.candles.venue_left(venue)
        self._unsaved.append(instruments)
        if len(self.market.venues) == len(self.monitors):
            for symbol in self.publisher.forget_all_but(self.market.names):
                self._neighbours.latest.remove(symbol)

    def heard(self, venue: str, event: Quote | Trade | DayStats, received: float) -> None:
        """A venue said something. The hot path: every event of every venue comes through here."""
        self.market.apply(venue, event, received)
        if isinstance(event, DayStats):
            return
        if isinstance(event, Trade):
            self.candles.add(venue, event, received)
        self.publisher.touch(event.symbol)

    def came(self, venue: str) -> None:
        """A venue's feed is whole."""
        self.candles.venue_came(venue)

    def left(self, venue: str) -> None:
        """A venue's feed is interrupted."""
        self.candles.venue_left(venue)

    async def run(self) -> None:
        """Ingest until cancelled."""
        await self._take_over()
        await together(
            (
                *(runnable.run for runnable in (*self.works, self.publisher, self._neighbours.latest)),
                self.publisher.sweep,
                lambda: self._repeat(CANDLES_EVERY, self._tell_candles),
                lambda: self._repeat(VENUES_EVERY, self._tell_venues),
                lambda: self._repeat(RETRY_EVERY, self._save_instruments),
            )
        )

    async def _take_over(self) -> None:
        """Go on where the former ingester stopped, as far as that can be known."""
        try:
            prices, _ = await self._neighbours.left_behind.prices()
            self.publisher.take_over(prices)
            for symbol, candle in await self._neighbours.history.running():
                self.candles.resume(symbol, candle)
        except Unavailable as error:
            logger.warning("starting without what came before: %s", error)

    async def _repeat(self, pause: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._clock.sleep(pause)
            try:
                await work()
            except Unavailable as error:
                logger.debug("not now: %s", error)

    async def _tell_candles(self) -> None:
        for symbol, candle in self.candles.drain(self._clock.monotonic()):
            self._neighbours.history.put(symbol, candle)
            await self._tell_candle(symbol, candle)

    async def _tell_candle(self, symbol: str, candle: Candle) -> None:
        update = CandleUpdate(
            symbol=symbol, interval=BASE_INTERVAL, candle=to_candle(candle, self.market.digits_of(symbol))
        )
        await self._tell(f"cv.candle.{symbol}.{BASE_INTERVAL}", update)

    async def _tell_venues(self) -> None:
        for monitor in self.monitors:
            monitor.sample()
            state = monitor.state()
            message = to_venue(state)
            self._neighbours.latest.venue(state.venue, message.SerializeToString())
            if _essence(state) != self._venue_shown.get(state.venue):
                self._venue_shown[state.venue] = _essence(state)
                await self._tell(f"cv.venue.{state.venue}", VenueChanged(venue=message))

    async def _tell(self, subject: str, event: CandleUpdate | VenueChanged) -> None:
        try:
            await self._neighbours.events.publish(subject, event)
        except Unavailable:
            return  # whoever missed it asks for the present state

    async def _save_instruments(self) -> None:
        while self._unsaved:
            await self._neighbours.directory.keep(self._unsaved[0])
            del self._unsaved[0]


def _essence(state: VenueState) -> tuple[object, ...]:
    """What makes a venue's state another one; counters change all the time."""
    return state.circuit, state.connected, state.last_error, state.symbols


class Role:
    """Whether this replica ingests now: `tenure` is None while another one does."""

    def __init__(self, build: Callable[[], Tenure]) -> None:
        self.tenure: Tenure | None = None
        self._build = build

    async def serve(self) -> None:
        """Ingest until cancelled."""
        self.tenure = self._build()
        try:
            await self.tenure.run()
        finally:
            self.tenure = None
