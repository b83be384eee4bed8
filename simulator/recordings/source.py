"""Recordings as a source of market data: each file plays with its own timing, over and over.

Event times inside the frames stay as recorded. Candles hold the trades played so far, each counted once however often
its file starts over; day statistics are what the venue itself printed (Coinbase) or what was recorded, no more.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from simulator.bars import MinuteBars, day_stats, sum_up
from simulator.market import Bar, DayStats, Event, Frame, Instrument
from simulator.recordings.catalogue import Recording, discover
from simulator.recordings.instruments import instruments
from simulator.times import DAY, FAR_FUTURE

SOONEST = 0.002  # seconds; a frame due within that is sent at once
YIELD_EVERY = 100  # frames sent without a pause, after which others get their turn
PAUSE = 1.0  # seconds between two passes, at normal speed

log = logging.getLogger(__name__)


class _CoinbaseDay(msgspec.Struct):
    price: Decimal
    open_24h: Decimal
    volume_24h: Decimal
    low_24h: Decimal
    high_24h: Decimal


_coinbase_day = msgspec.json.Decoder(_CoinbaseDay)


class RecordingsSource:
    """Replays what lies below a folder. Raises FileNotFoundError when nothing there can be replayed."""

    mode = "recordings"

    def __init__(self, folder: Path, *, speed: float) -> None:
        self._speed = speed
        self.recordings = discover(folder)
        if not self.recordings:
            raise FileNotFoundError(f"no recordings that can be replayed below {folder}")
        symbols: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for recording in self.recordings:
            symbols[recording.venue].update(dict.fromkeys(recording.symbols))
        self._instruments = {venue: instruments(venue, names, folder) for venue, names in symbols.items()}
        self._bars: defaultdict[tuple[str, str], MinuteBars] = defaultdict(MinuteBars)
        self._tickers: dict[tuple[str, str], bytes] = {}

    def instruments(self, venue: str) -> list[Instrument]:
        """Exactly the markets in the recordings."""
        return self._instruments.get(venue, [])

    async def run(self, publish: Callable[[Event], None]) -> None:
        """Play all files side by side, for ever."""
        async with asyncio.TaskGroup() as group:
            for recording in self.recordings:
                group.create_task(self._play_forever(recording, publish))

    async def _play_forever(self, recording: Recording, publish: Callable[[Event], None]) -> None:
        while True:
            await self._play(recording, publish)
            log.debug("recording %s starts over", recording.path.name)
            await asyncio.sleep(PAUSE / self._speed)

    async def _play(self, recording: Recording, publish: Callable[[Event], None]) -> None:
        started, first_ns, in_a_row = time.monotonic(), 0, 0
        for received_ns, frame in recording.frames():
            first_ns = first_ns or received_ns
            ahead = started + (received_ns - first_ns) / 1e9 / self._speed - time.monotonic()
            in_a_row += 1
            if ahead > SOONEST or in_a_row >= YIELD_EVERY:
                await asyncio.sleep(max(0.0, ahead))
                in_a_row = 0
            self._remember(frame)
            publish(frame)

    def _remember(self, frame: Frame) -> None:
        market = (frame.venue, frame.symbol)
        for trade in frame.trades:
            self._bars[market].add(trade)
        if frame.channel == "ticker":
            self._tickers[market] = frame.payload

    def bars(self, venue: str, symbol: str, start: int, end: int) -> list[Bar]:
        """The bars of the trades played so far."""
        return list(self._bars[venue, symbol].between(start, end))

    def day_stats(self, venue: str, symbol: str) -> DayStats:
        """Coinbase: what its latest ticker says. Else the recorded trades of the last recorded day."""
        ticker = self._tickers.get((venue, symbol))
        if venue == "coinbase" and ticker is not None:
            day = _coinbase_day.decode(ticker)
            open_, high, low, last = map(float, (day.open_24h, day.high_24h, day.low_24h, day.price))
            return DayStats(open_, high, low, last, volume=float(day.volume_24h))
        latest = self._bars[venue, symbol].latest()
        if latest is None:
            return DayStats()
        return day_stats(sum_up(self.bars(venue, symbol, latest.open_time - DAY, FAR_FUTURE)))
