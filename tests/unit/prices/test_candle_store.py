import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.clock import SystemClock
from services.kit.errors import Unavailable
from services.prices.adapters import candle_store as module
from services.prices.adapters.candle_store import CandleStore, ceiling, floor
from services.prices.domain.candles import Candle

moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))
steps = st.sampled_from(list(module.INTERVALS.values()))


class Database:
    """Counts what it is given; may be away."""

    def __init__(self):
        self.away = False
        self.rows = {}

    async def execute(self, sql, symbols, open_times, *columns):
        if self.away:
            raise Unavailable
        self.rows |= dict(zip(zip(symbols, open_times, strict=True), columns[5], strict=True))


def candle(open_time, trades=1):
    price = Decimal(100)
    return Candle(open_time, price, price, price, price, Decimal(1), trades, 0, 0)


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(module, "FLUSH_EVERY", 0.01)


@pytest.fixture
def database():
    return Database()


@pytest.fixture
async def store(database):
    store = CandleStore(database, SystemClock())
    running = asyncio.create_task(store.run())
    yield store
    running.cancel()
    await asyncio.wait([running])


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_candles_wait_while_postgres_is_away_and_are_written_in_their_newest_state(store, database):
    database.away = True
    for minute in range(0, 600, 60):
        store.put("X", candle(minute))
    store.put("X", candle(0, trades=7))
    await asyncio.sleep(0.05)
    assert store.waiting == 10
    database.away = False
    await until(lambda: store.waiting == 0)
    assert len(database.rows) == 10
    assert database.rows["X", datetime.fromtimestamp(0, UTC)] == 7


async def test_what_is_pending_is_written_when_the_service_stops(database):
    store = CandleStore(database, SystemClock())
    running = asyncio.create_task(store.run())
    await asyncio.sleep(0)
    store.put("X", candle(0))
    running.cancel()
    await asyncio.wait([running])
    assert len(database.rows) == 1


async def test_a_full_buffer_gives_up_the_oldest_and_counts_it(store, database, monkeypatch):
    monkeypatch.setattr(module, "BUFFER_LIMIT", 5)
    database.away = True
    for minute in range(0, 420, 60):
        store.put("X", candle(minute))
    assert (store.waiting, store.lost) == (5, 2)


@given(moments, steps)
def test_floor_and_ceiling_enclose_a_moment_on_the_grid(moment, step):
    low, high = floor(moment, step), ceiling(moment, step)
    assert low <= moment <= high < moment + step
    assert (low - module.EPOCH) % step == (high - module.EPOCH) % step == timedelta(0)
