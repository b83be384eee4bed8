"""The generator as a source of market data, run against the wall clock."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simulator.bars import MinuteBars, day_stats, sum_up
from simulator.generator.history import History
from simulator.generator.simulation import Simulation
from simulator.generator.universe import assets
from simulator.market import NANOSECOND_PER_SECOND, Bar, DayStats, Event, Instrument, Trade
from simulator.times import DAY, MINUTE

PACE = 0.02  # seconds between two looks at the clock
OUT_OF_STEP_NS = 5 * NANOSECOND_PER_SECOND  # a longer gap is leapt over
RENEWAL = 300.0  # seconds after which a market's 24-hour window is moved on


@dataclass(frozen=True)
class _Window:
    """The minutes of a 24-hour window that ended at `end` (seconds since 1970), as one bar; none without any."""

    closed: tuple[Bar, ...]
    end: int
    renew_at: float


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
        spacing = RENEWAL / len(self._books)  # renewals are spread, so that none holds up the market
        self._windows = {
            market: self._window(market, self._now() + number * spacing) for number, market in enumerate(self._books, 1)
        }

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
        """The last 24 hours: the sum of the minutes before the window's renewal, and what was traded since."""
        market, now = (venue, symbol), self._now()
        if now >= self._windows[market].renew_at:
            self._windows[market] = self._window(market, now + RENEWAL)
        window = self._windows[market]
        return day_stats(sum_up([*window.closed, *self._live[market].since(window.end)]))

    def _window(self, market: tuple[str, str], renew_at: float) -> _Window:
        minute = self._now() // MINUTE * MINUTE
        whole = sum_up(self.bars(*market, minute - DAY, minute))
        return _Window((whole,) if whole else (), minute, renew_at)

    def _now(self) -> int:
        return self._simulation.position_ns // NANOSECOND_PER_SECOND
