"""The prices service as a process, between real servers and the simulator's exchanges, over real sockets."""

import asyncio
import signal
import time
from collections.abc import Awaitable
from typing import Any

import asyncpg
import grpc
import nats
import pytest
import redis.asyncio
from cryptovault.events.v1.events_pb2 import CandleUpdate, Tick
from cryptovault.prices.v1 import prices_service_pb2 as rpc
from cryptovault.prices.v1.price_pb2 import Price, Venue
from cryptovault.prices.v1.prices_service_pb2_grpc import PricesServiceStub
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.testing import free_port
from tests.integration.prices_process import (
    VENUES,
    client,
    environment,
    eventually,
    good_price,
    process,
    simulator,
    tell,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def market():
    with simulator() as address:
        yield address


@pytest.fixture(scope="module")
def settings(market, valkey_url, nats_url, database_url):
    return environment(market, free_port(), valkey_url, nats_url, database_url)


@pytest.fixture(scope="module")
def service(settings):
    with process("services.prices", settings) as running:
        yield running


@pytest.fixture
async def stub(service, settings):
    async with client(int(settings["CV_PRICES_PORT"])) as stub:
        await eventually(lambda: good_price(stub))
        yield stub


async def venue_of(stub: PricesServiceStub, name: str) -> Venue:
    return next(item for item in (await stub.ListVenues(rpc.ListVenuesRequest())).venues if item.venue == name)


async def failure(call: Awaitable[Any]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_a_price_says_who_vouches_for_it_and_how_old_it_is(stub):
    price = await eventually(lambda: good_price(stub))
    assert [source.venue for source in price.sources] == ["binance", "coinbase", "kraken"]
    assert float(price.bid) <= float(price.price) <= float(price.ask)
    assert 0 <= price.max_age_ms < 5000
    assert price.simulated
    assert price.event_time.seconds > 0


async def test_all_symbols_are_priced_and_can_be_filtered(stub):
    every = (await stub.ListPrices(rpc.ListPricesRequest())).prices
    two = (await stub.ListPrices(rpc.ListPricesRequest(symbols=["eth-usd,BTC-USD"]))).prices
    names = [price.symbol for price in every]
    assert names == sorted(names)
    assert len(names) >= 10
    assert [price.symbol for price in two] == ["BTC-USD", "ETH-USD"]


async def test_an_unknown_symbol_is_not_found(stub):
    for call in (
        stub.GetPrice(rpc.GetPriceRequest(symbol="NO-SUCH")),
        stub.ListPrices(rpc.ListPricesRequest(symbols=["BTC-USD", "NO-SUCH"])),
        stub.ListCandles(rpc.ListCandlesRequest(symbol="NO-SUCH")),
    ):
        error = await failure(call)
        assert error.code() is grpc.StatusCode.NOT_FOUND
        assert "NO-SUCH" in error.details()


async def test_a_wrong_candle_request_names_every_field(stub):
    request = rpc.ListCandlesRequest(
        symbol="BTC-USD", interval="7m", limit=1001, start=Timestamp(seconds=9), end=Timestamp(seconds=3)
    )
    error = await failure(stub.ListCandles(request))
    details = b"".join(value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert all(field in details for field in (b"interval", b"limit", b"end"))


async def test_candles_come_from_trades_and_reach_the_database(stub, settings):
    answer = await eventually(lambda: first_candle(stub))
    database = await asyncpg.connect(settings["CV_DATABASE_URL"])
    stored = await eventually(lambda: database.fetchval("SELECT count(*) FROM prices.candles WHERE symbol = 'BTC-USD'"))
    await database.close()
    newest = answer.candles[-1]
    assert float(newest.low) <= float(newest.open) <= float(newest.high)
    assert (newest.trades > 0, stored > 0) == (True, True)


async def first_candle(stub: PricesServiceStub) -> rpc.ListCandlesResponse | None:
    answer = await stub.ListCandles(rpc.ListCandlesRequest(symbol="BTC-USD"))
    return answer if answer.candles else None


async def test_history_that_the_venues_tell_is_there_from_the_start(stub):
    answer = await eventually(lambda: long_history(stub))
    assert all(item.closed for item in answer.candles[:-2])


async def long_history(stub: PricesServiceStub) -> rpc.ListCandlesResponse | None:
    answer = await stub.ListCandles(rpc.ListCandlesRequest(symbol="BTC-USD", limit=1000))
    return answer if len(answer.candles) >= 200 else None


async def test_longer_candles_are_rolled_up_from_minutes(stub, settings):
    database = await asyncpg.connect(settings["CV_DATABASE_URL"])
    rows = [(1_000_000_200 + 60 * i, 100 + i, 110 + i, 90 - i, 105 + i, 2, 3) for i in range(5)]
    await database.executemany(
        "INSERT INTO prices.candles VALUES ('BTC-USD', '1m', to_timestamp($1), $2, $3, $4, $5, $6, $7, true, 0, true)",
        rows,
    )
    await database.close()
    request = rpc.ListCandlesRequest(
        symbol="BTC-USD", interval="5m", start=Timestamp(seconds=10**9), end=Timestamp(seconds=10**9 + 3600)
    )
    [candle] = (await stub.ListCandles(request)).candles
    assert (candle.open, candle.high, candle.low, candle.close) == ("100.00", "114.00", "86.00", "109.00")
    assert (candle.volume, candle.trades, candle.closed) == ("10", 15, True)


async def test_a_stream_begins_with_the_latest_price_and_goes_on(stub):
    call = stub.StreamPrices(rpc.StreamPricesRequest(symbol="BTC-USD"))
    seen = [(await asyncio.wait_for(call.read(), 5)).price.seq for _ in range(4)]
    call.cancel()
    assert seen == sorted(set(seen))


async def test_a_stopping_service_ends_its_streams_and_is_gone_within_seconds(stub, settings):
    other = settings | {"CV_PRICES_PORT": str(free_port()), "CV_DRAIN_SECONDS": "30"}
    with process("services.prices", other) as running:
        async with client(int(other["CV_PRICES_PORT"])) as second:
            call = second.StreamPrices(rpc.StreamPricesRequest(symbol="BTC-USD"), wait_for_ready=True)
            first = await asyncio.wait_for(call.read(), 20)
            began = time.monotonic()
            running.terminate()
            while await asyncio.wait_for(call.read(), 10) is not grpc.aio.EOF:
                pass
            assert await call.code() is grpc.StatusCode.OK
            await eventually(lambda: ended(running))
    assert first.price.symbol == "BTC-USD"
    assert time.monotonic() - began < 5


async def ended(running: Any) -> bool:
    return running.poll() is not None


async def test_prices_left_by_others_of_symbols_that_nobody_lists_are_dropped(settings, valkey_url):
    url = valkey_url.replace("/0", "/3")
    other = settings | {"CV_PRICES_PORT": str(free_port()), "CV_REDIS_URL": url}
    store = redis.asyncio.from_url(url)
    await store.hset("cv:{prices}:latest", "LUNA-USD", Price(symbol="LUNA-USD", price="80").SerializeToString())
    with process("services.prices", other):
        async with client(int(other["CV_PRICES_PORT"])) as second:
            await eventually(lambda: good_price(second))
            prices = (await second.ListPrices(rpc.ListPricesRequest())).prices
            await eventually(lambda: gone(store, "LUNA-USD"))
    await store.aclose()
    assert "LUNA-USD" not in [price.symbol for price in prices]


async def gone(store: "redis.asyncio.Redis", symbol: str) -> bool:
    return not await store.hexists("cv:{prices}:latest", symbol)


async def test_ticks_and_candles_are_published_on_the_bus(stub, nats_url):
    connection = await nats.connect(nats_url)
    ticks, candles = await connection.subscribe("cv.tick.BTC-USD"), await connection.subscribe("cv.candle.BTC-USD.1m")
    tick = Tick.FromString((await ticks.next_msg(timeout=5)).data).price
    candle = CandleUpdate.FromString((await candles.next_msg(timeout=5)).data)
    await connection.close()
    assert (tick.symbol, candle.symbol, candle.interval) == ("BTC-USD", "BTC-USD", "1m")
    assert candle.candle.trades > 0


async def test_symbols_and_venues_are_listed(stub):
    symbols = {item.symbol: item for item in (await stub.ListSymbols(rpc.ListSymbolsRequest())).symbols}
    venues = (await stub.ListVenues(rpc.ListVenuesRequest())).venues
    assert (symbols["BTC-USD"].base, symbols["BTC-USD"].quote) == ("BTC", "USD")
    assert list(symbols["BTC-USD"].venues) == list(VENUES)
    assert [(item.venue, item.connected, item.circuit) for item in venues] == [
        (venue, True, Venue.CLOSED) for venue in VENUES
    ]
    assert all(item.messages_per_second > 0 and item.symbols > 0 and item.simulated for item in venues)


async def test_a_liar_is_refused_by_name_and_believed_again_when_honest(stub, market):
    tell(market, "kraken", "liar", factor=1.5)
    price = await eventually(lambda: price_without(stub, "kraken"))
    tell(market, "kraken", "clear")
    assert [(item.venue, item.reason) for item in price.rejected] == [("kraken", "outlier")]
    assert price.quality == Price.DEGRADED
    await eventually(lambda: good_price(stub))


async def price_without(stub: PricesServiceStub, venue: str) -> Price | None:
    price = (await stub.GetPrice(rpc.GetPriceRequest(symbol="BTC-USD"))).price
    return price if venue not in [source.venue for source in price.sources] else None


@pytest.mark.parametrize("venue", VENUES)
async def test_a_venue_that_falls_silent_is_noticed_within_five_seconds_and_comes_back(stub, market, venue):
    tell(market, venue, "stall")
    began = time.monotonic()
    await eventually(lambda: disconnected(stub, venue))
    noticed = time.monotonic() - began
    tell(market, venue, "clear")
    assert noticed < 5.5
    await eventually(lambda: good_price(stub))


async def disconnected(stub: PricesServiceStub, venue: str) -> bool:
    return not (await venue_of(stub, venue)).connected


async def test_a_lost_connection_is_made_again_by_itself(stub, market):
    before = (await venue_of(stub, "coinbase")).connects
    tell(market, "coinbase", "disconnect")
    await eventually(lambda: more_connects(stub, "coinbase", before))
    await eventually(lambda: good_price(stub))
    assert (await venue_of(stub, "coinbase")).last_error.startswith("closed by the venue")


async def more_connects(stub: PricesServiceStub, venue: str, before: int) -> bool:
    return (await venue_of(stub, venue)).connects > before


async def test_another_replica_serves_reads_and_takes_over_within_five_seconds(stub, service, settings, valkey_url):
    other = settings | {"CV_PRICES_PORT": str(free_port())}
    store = redis.asyncio.from_url(valkey_url)
    with process("services.prices", other):
        async with client(int(other["CV_PRICES_PORT"])) as second:
            before = await eventually(lambda: good_price(second))
            holder = await store.get("cv:{prices}:lease")
            service.send_signal(signal.SIGKILL)
            began = time.monotonic()
            await eventually(lambda: new_holder(store, holder))
            await eventually(lambda: newer(second, before.seq))
            took = time.monotonic() - began
    await store.aclose()
    assert took < 6.0


async def newer(stub: PricesServiceStub, seq: int) -> bool:
    price = await good_price(stub)
    return price is not None and price.seq > seq


async def new_holder(store: "redis.asyncio.Redis", holder: bytes) -> bool:
    return await store.get("cv:{prices}:lease") not in (None, holder)
