"""Candles in PostgreSQL: written in batches, kept in memory while it is away, rolled up on reading."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import asyncpg

from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import Unavailable
from services.prices.domain.candles import Candle

logger = logging.getLogger(__name__)

BUFFER_LIMIT = 100_000  # candles: more than an hour of 1,000 symbols
BATCH = 1000
FLUSH_EVERY = 1.0  # seconds
BASE_INTERVAL = "1m"
INTERVALS = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "1d": timedelta(days=1),
}

# A candle made of fewer trades never replaces one made of more: after a restart, or from a replica that lost its lease.
UPSERT = """
INSERT INTO prices.candles AS stored
  (symbol, interval, open_time, open, high, low, close, volume, trades, closed, revision, complete)
SELECT symbol, '1m', open_time, open, high, low, close, volume, trades, closed, revision, complete
FROM unnest($1::text[], $2::timestamptz[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[],
            $8::bigint[], $9::boolean[], $10::integer[], $11::boolean[])
  AS new (symbol, open_time, open, high, low, close, volume, trades, closed, revision, complete)
ON CONFLICT (symbol, interval, open_time) DO UPDATE SET
  open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
  volume = excluded.volume, trades = excluded.trades,
  closed = stored.closed OR excluded.closed, origin = 'trades',
  revision = greatest(stored.revision, excluded.revision),
  complete = excluded.complete OR (stored.complete AND stored.trades = excluded.trades),
  updated_at = now()
WHERE excluded.trades >= stored.trades
"""

# What a venue tells of its past fills what is missing, and what was heard only in part.
BACKFILL = """
INSERT INTO prices.candles AS stored
  (symbol, interval, open_time, open, high, low, close, volume, trades, closed, revision, complete, origin)
SELECT symbol, '1m', open_time, open, high, low, close, volume, trades, closed, revision, complete, $12
FROM unnest($1::text[], $2::timestamptz[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[],
            $8::bigint[], $9::boolean[], $10::integer[], $11::boolean[])
  AS new (symbol, open_time, open, high, low, close, volume, trades, closed, revision, complete)
ON CONFLICT (symbol, interval, open_time) DO UPDATE SET
  open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
  volume = excluded.volume, trades = excluded.trades, closed = true, complete = excluded.complete,
  origin = excluded.origin, updated_at = now()
WHERE NOT stored.complete AND excluded.trades > stored.trades
"""

COLUMNS = "open_time, open, high, low, close, volume, trades, closed, revision, complete"

SELECT = f"""
SELECT {COLUMNS} FROM prices.candles
WHERE symbol = $1 AND interval = '1m' AND open_time >= $2 AND open_time < $3
ORDER BY open_time DESC LIMIT $4
"""

RUNNING = f"""
SELECT symbol, {COLUMNS} FROM prices.candles
WHERE interval = '1m' AND open_time > now() - interval '2 minutes' AND NOT closed
"""

NEWEST = """
SELECT max(open_time) FROM prices.candles WHERE symbol = $1 AND interval = '1m' AND open_time < $2
"""

ROLL_UP = """
SELECT date_bin($5, open_time, 'epoch') AS open_time,
  (array_agg(open ORDER BY open_time))[1] AS open, max(high) AS high, min(low) AS low,
  (array_agg(close ORDER BY open_time DESC))[1] AS close, sum(volume) AS volume, sum(trades)::bigint AS trades,
  bool_and(closed) AND date_bin($5, min(open_time), 'epoch') + $5 <= now() AS closed,
  sum(revision)::integer AS revision, bool_and(complete) AS complete
FROM prices.candles
WHERE symbol = $1 AND interval = '1m' AND open_time >= $2 AND open_time < $3
GROUP BY 1 ORDER BY 1 DESC LIMIT $4
"""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CandleStore:
    """The history of all symbols."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._pending: dict[tuple[str, int], Candle] = {}
        self.lost = 0  # candles given up because the buffer was full

    @property
    def waiting(self) -> int:
        """Candles not written yet."""
        return len(self._pending)

    def put(self, symbol: str, candle: Candle) -> None:
        """Store a one-minute candle soon; a newer state of the same candle takes its place."""
        self._pending[symbol, candle.open_time] = candle
        if len(self._pending) > BUFFER_LIMIT:
            del self._pending[next(iter(self._pending))]
            self.lost += 1

    async def run(self) -> None:
        """Write what is pending once a second, until cancelled; then once more."""
        try:
            while True:
                await self._clock.sleep(FLUSH_EVERY)
                await self._flush_or_keep()
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_EVERY):
                    await self._flush_or_keep()

    async def _flush_or_keep(self) -> None:
        try:
            while self._pending:
                await self._flush(list(self._pending.items())[:BATCH])
        except Unavailable as error:
            logger.warning("%d candles wait, %d are lost: %s", self.waiting, self.lost, error)

    async def _flush(self, batch: list[tuple[tuple[str, int], Candle]]) -> None:
        await self._database.execute(UPSERT, *_columns(batch))
        for key, candle in batch:
            if self._pending.get(key) is candle:  # not changed while it was written
                del self._pending[key]

    async def backfill(self, symbol: str, candles: Sequence[Candle], venue: str) -> None:
        """Add a venue's own candles where there are none, or none as full. Raises Unavailable."""
        if candles:
            columns = _columns([((symbol, candle.open_time), candle) for candle in candles])
            await self._database.execute(BACKFILL, *columns, venue)

    async def running(self) -> list[tuple[str, Candle]]:
        """Candles of the last two minutes that are still open: a new ingester goes on with them."""
        rows = await self._fetch(RUNNING)
        return [(row["symbol"], candle) for row, candle in zip(reversed(rows), _candles(rows), strict=True)]

    async def read(self, symbol: str, start: datetime | None, end: datetime, limit: int) -> list[Candle]:
        """One-minute candles with start <= open_time < end, the newest `limit` of them, oldest first."""
        rows = await self._fetch(SELECT, symbol, start or EPOCH, end, limit)
        return _candles(rows)

    async def read_rolled_up(
        self, symbol: str, interval: str, start: datetime | None, end: datetime, limit: int
    ) -> list[Candle]:
        """Longer candles, rolled up from minutes. Without a start: as far back from the newest as the limit reaches."""
        step = INTERVALS[interval]
        if start is None:
            [[newest]] = await self._fetch(NEWEST, symbol, end)
            start = EPOCH if newest is None else max(EPOCH, floor(newest, step) - step * (limit - 1))
        rows = await self._fetch(ROLL_UP, symbol, ceiling(start, step), end, limit, step)
        return _candles(rows)

    async def _fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        return await self._database.fetch(sql, *args)


def floor(moment: datetime, step: timedelta) -> datetime:
    """The last multiple of `step` since 1970 that is not after `moment`."""
    return moment - (moment - EPOCH) % step


def ceiling(moment: datetime, step: timedelta) -> datetime:
    """The first multiple of `step` since 1970 that is not before `moment`."""
    return moment + (EPOCH - moment) % step


def _columns(batch: Sequence[tuple[tuple[str, int], Candle]]) -> list[list[object]]:
    rows = [
        (
            symbol,
            datetime.fromtimestamp(open_time, UTC),
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
            candle.trades,
            candle.closed,
            candle.revision,
            candle.complete,
        )
        for (symbol, open_time), candle in batch
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _candles(newest_first: Sequence[asyncpg.Record]) -> list[Candle]:
    return [
        Candle(
            open_time=int(row["open_time"].timestamp()),
            open=row["open"],
            high=row["high"],
            low=row["low"],
            close=row["close"],
            volume=row["volume"],
            trades=row["trades"],
            first_at=0,
            last_at=0,
            closed=row["closed"],
            revision=row["revision"],
            complete=row["complete"],
        )
        for row in reversed(newest_first)
    ]
