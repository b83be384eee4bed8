"""Candles and instruments in a real PostgreSQL."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.kit.clock import SystemClock
from services.kit.db import Database, migrate
from services.kit.errors import Unavailable
from services.prices.adapters.candle_store import CandleStore
from services.prices.adapters.instrument_store import InstrumentStore
from services.prices.domain.candles import Candle
from services.prices.domain.instruments import Instrument
from services.prices.wiring import SERVICE

pytestmark = pytest.mark.integration

START = datetime(2024, 8, 8, tzinfo=UTC)
LATER = START + timedelta(days=1)


def candle(minute, *, trades=10, price="61837.63", **more):
    price = Decimal(price)
    opened = int((START + timedelta(minutes=minute)).timestamp())
    return Candle(opened, price, price, price, price, Decimal("0.5"), trades, 0, 0, **more)


@pytest.fixture
async def database(database_url):
    async with Database.open(database_url) as database:
        await migrate(database, "prices", SERVICE.migrations)
        await database.execute("TRUNCATE prices.candles, prices.instruments")
        yield database


@pytest.fixture
def store(database):
    return CandleStore(database, SystemClock())


async def written(store, *candles):
    for item in candles:
        store.put("BTC-USD", item)
    await store._flush_or_keep()
    return await store.read("BTC-USD", None, LATER, 100)


async def test_what_is_written_is_read_again_to_the_last_digit(store):
    [found] = await written(store, candle(0, closed=True, revision=2, complete=False))
    assert found == candle(0, closed=True, revision=2, complete=False)


async def test_a_candle_of_fewer_trades_never_replaces_one_of_more(store):
    await written(store, candle(0, trades=10, closed=True))
    [found] = await written(store, candle(0, trades=9, price="1"))
    assert (found.trades, found.close, found.closed) == (10, Decimal("61837.63"), True)


async def test_a_candle_of_more_trades_replaces_and_stays_closed(store):
    await written(store, candle(0, trades=10, closed=True, revision=3))
    [found] = await written(store, candle(0, trades=11, price="2"))
    assert (found.trades, found.close, found.closed, found.revision) == (11, Decimal(2), True, 3)


async def test_the_newest_candles_count_and_the_oldest_come_first(store):
    await written(store, *(candle(minute) for minute in range(10)))
    found = await store.read("BTC-USD", None, LATER, 3)
    assert [item.open_time for item in found] == [candle(minute).open_time for minute in (7, 8, 9)]


async def test_minutes_roll_up_and_a_missing_one_leaves_a_gap(store):
    minutes = [minute for minute in range(60) if not 20 <= minute < 25]
    await written(store, *(candle(minute, price=str(100 + minute), closed=True) for minute in minutes))
    found = await store.read_rolled_up("BTC-USD", "5m", None, LATER, 100)
    assert len(found) == 11
    assert (found[0].open, found[0].close, found[0].high) == (Decimal(100), Decimal(104), Decimal(104))
    assert (found[0].volume, found[0].trades, found[0].closed) == (Decimal("2.5"), 50, True)


async def test_before_the_migrations_nothing_is_lost(database, store):
    await database.execute("DROP SCHEMA prices CASCADE")
    store.put("BTC-USD", candle(0))
    await store._flush_or_keep()
    with pytest.raises(Unavailable):
        await store.read("BTC-USD", None, LATER, 10)
    await migrate(database, "prices", SERVICE.migrations)
    assert len(await written(store)) == 1


async def test_instruments_that_a_venue_lists_no_longer_go(database):
    store = InstrumentStore(database)
    pairs = [Instrument("binance", f"{base}USDT", base, "USD", 2, bridged=True) for base in ("BTC", "ETH")]
    await store.keep(pairs)
    await store.keep(pairs[:1])
    assert await store.read() == pairs[:1]


async def test_a_page_of_a_long_history_is_read_quickly(database, store):
    await database.execute(
        "INSERT INTO prices.candles SELECT 'S' || s, '1m', to_timestamp(60 * m), 1, 2, 0.5, 1.5, 3, 4, true, 0, true "
        "FROM generate_series(1, 10) s, generate_series(1, 20000) m"
    )
    took = []
    for _ in range(20):
        began = time.monotonic()
        found = await store.read("S5", None, datetime.fromtimestamp(60 * 15_000, UTC), 100)
        took.append(time.monotonic() - began)
        await asyncio.sleep(0)
    assert len(found) == 100
    assert sorted(took)[10] < 0.05


async def test_a_venues_own_history_fills_holes_and_improves_what_was_heard_in_part(store):
    await written(store, candle(0, trades=5, complete=False), candle(1, trades=5))
    told = [candle(minute, trades=9, price="2") for minute in range(3)]
    await store.backfill("BTC-USD", told, "binance")
    found = await store.read("BTC-USD", None, LATER, 10)
    assert [(item.trades, item.close) for item in found] == [(9, 2), (5, Decimal("61837.63")), (9, 2)]


async def test_heard_trades_replace_a_venues_own_candle_when_they_are_as_many(store):
    await store.backfill("BTC-USD", [candle(0, trades=9, price="2")], "binance")
    [found] = await written(store, candle(0, trades=9, price="3"))
    assert found.close == 3
