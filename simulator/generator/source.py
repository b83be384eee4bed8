"""The generator as a source of market data, run against the wall clock."""

import asyncio
import time
from collections.abc import Callable, Iterator

from simulator.bars import MinuteBars, day_stats, join, sum_up
from simulator.generator.history import History
from simulator.generator.simulation import Simulation
from simulator.generator.universe import assets
from simulator.market import NANOSECOND_PER_SECOND, Bar, DayStats, Event, Instrument, Trade
from simulator.times import DAY, MINUTE

PACE = 0.02  # seconds between two looks at the clock
OUT_OF_STEP_NS = 5 * NANOSECOND_PER_SECOND  # a longer gap is leapt over


class GeneratorSource:
    """An invented market for all three venues, reproducible from its seed."""

    mode = "generator"

    def __init__(self, *, seed: int, symbols: int, rate: float, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        listed, start_ns = assets(symbols), clock_ns()
        self._simulation = Simulation(listed, seed=seed, rate=rate, start_ns=start_ns)
        self._history = History(listed, seed=seed, start_ns=start_ns)
        self._books = {(book.venue.name, book.instrument.symbol): book for book in self._simulation.books}
        self._live = {market: MinuteBars() for market in self._books}
        self._closed_days: dict[tuple[str, str], tuple[int, Bar | None]] = {}

    def instruments(self, venue: str) -> list[Instrument]:
        """The markets of a venue, busiest first."""
        return [book.instrument for book in self._books.values() if book.venue.name == venue]

    async def run(self, publish: Callable[[Event], None]) -> None:
        """Publish events at their times, for ever."""
        while True:
            for event in self.due():
                publish(event)
            await asyncio.sleep(PACE)

    def due(self) -> Iterator[Event]:
        """What has reached the wire since the last call."""
        now_ns = self._clock_ns()
        if abs(now_ns - self._simulation.position_ns) > OUT_OF_STEP_NS:
            self._simulation.leap(now_ns)
        for event in self._simulation.advance(now_ns):
            if isinstance(event, Trade):
                self._live[event.venue, event.symbol].add(event)
            yield event

    def bars(self, venue: str, symbol: str, start: int, end: int) -> list[Bar]:
        """Invented history, then what was traded since the start."""
        market = (venue, symbol)
        past = self._history.bars(self._books[market], start, min(end, self._history.end))
        return [*past, *self._live[market].between(start, end)]

    def day_stats(self, venue: str, symbol: str) -> DayStats:
        """The last 24 hours: whole minutes summed up once a minute, and the running one."""
        market = (venue, symbol)
        minute = self._simulation.position_ns // NANOSECOND_PER_SECOND // MINUTE * MINUTE
        minute_of_sum, closed = self._closed_days.get(market, (0, None))
        if minute_of_sum != minute:
            closed = sum_up(self.bars(venue, symbol, minute - DAY, minute))
            self._closed_days[market] = (minute, closed)
        running = self._live[market].latest()
        if running is None or running.open_time < minute:
            return day_stats(closed)
        return day_stats(running if closed is None else join(closed, running))
