import asyncio
from decimal import Decimal

import pytest
from cryptovault.events.v1.events_pb2 import Tick
from cryptovault.prices.v1.price_pb2 import Price

from services.kit.clock import SystemClock
from services.kit.testing import FakeBus, FakeClock
from services.prices.domain.events import Quote
from services.prices.domain.instruments import Instrument
from services.prices.domain.market import Market
from services.prices.publisher import Publisher
from services.prices.streams import Streams


class Latest:
    """Remembers the newest prices, and counts beats."""

    def __init__(self):
        self.prices = {}
        self.beats = 0

    def price(self, symbol, data):
        self.prices[symbol] = Price.FromString(data)

    def beat(self):
        self.beats += 1


class World:
    """A market with one venue, and everything that is published of it."""

    def __init__(self, clock, hz=10.0):
        self.clock, self.bus, self.latest, self.streams, self.market = clock, FakeBus(), Latest(), Streams(), Market()
        self.market.list_instruments("binance", [Instrument("binance", "BTCUSD", "BTC", "USD", 2)])
        self.publisher = Publisher(self.market, self.bus, self.latest, self.streams, hz=hz, simulated=True, clock=clock)

    def hear(self, last):
        quote = Quote("BTC-USD", Decimal(99), Decimal(200), Decimal(last), 0)
        self.market.apply("binance", quote, self.clock.monotonic())
        self.publisher.touch("BTC-USD")

    @property
    def ticks(self):
        return [Tick.FromString(message.data).price for message in self.bus.published]


@pytest.fixture
def world():
    return World(FakeClock())


async def test_a_price_goes_to_the_bus_the_store_and_the_streams(world):
    with world.streams.open("BTC-USD") as slot:
        world.hear("100.50")
        await world.publisher.publish("BTC-USD")
        streamed = await anext(slot.prices())
    [tick] = world.ticks
    assert (tick.price, tick.seq, tick.simulated) == ("100.50", 1, True)
    assert tick == streamed == world.latest.prices["BTC-USD"] == world.publisher.prices["BTC-USD"]


async def test_what_did_not_change_is_not_published_again(world):
    for _ in range(3):
        world.hear("100")
        await world.publisher.publish("BTC-USD")
    assert [tick.seq for tick in world.ticks] == [1]


async def test_the_sweep_repeats_a_price_that_a_venue_confirmed(world):
    world.hear("100")
    await world.publisher.publish("BTC-USD")
    world.clock.advance(1)
    await world.publisher.publish("BTC-USD", refresh=True)
    assert len(world.ticks) == 1  # nobody said anything
    world.hear("100")
    await world.publisher.publish("BTC-USD", refresh=True)
    assert [(tick.seq, tick.max_age_ms) for tick in world.ticks] == [(1, 0), (2, 0)]


async def test_silence_makes_a_price_stale_once(world):
    world.hear("100")
    await world.publisher.publish("BTC-USD")
    for _ in range(10):
        world.clock.advance(1)
        await world.publisher.publish("BTC-USD", refresh=True)
    assert [(tick.quality, tick.max_age_ms) for tick in world.ticks] == [
        (Price.SINGLE_SOURCE, 0),
        (Price.STALE, 6000),
    ]


async def test_a_busy_symbol_is_published_at_the_set_rate_with_its_newest_price():
    world = World(SystemClock(), hz=20)
    running = asyncio.create_task(world.publisher.run())
    for step in range(100):
        world.hear(100 + step)
        await asyncio.sleep(0.003)
    await asyncio.sleep(0.1)
    running.cancel()
    assert 5 <= len(world.ticks) <= 12
    assert (world.ticks[0].price, world.ticks[-1].price) == ("100.00", "199.00")


async def test_without_a_bus_prices_still_reach_the_store(world):
    world.bus.connected = False
    world.hear("100")
    await world.publisher.publish("BTC-USD")
    assert world.latest.prices["BTC-USD"].price == "100.00"


async def test_a_new_ingester_goes_on_with_the_sequence_of_the_former(world):
    world.publisher.take_over([Price(symbol="BTC-USD", seq=41)])
    world.hear("100")
    await world.publisher.publish("BTC-USD")
    assert world.ticks[0].seq == 42


async def test_prices_that_no_venue_confirms_after_a_takeover_become_stale(world):
    left = Price(symbol="BTC-USD", price="100", quality=Price.GOOD, seq=7, max_age_ms=100)
    left.published_at.FromMilliseconds(round(world.clock.time() * 1000))
    world.publisher.take_over([left])
    sweeping = asyncio.create_task(world.publisher.sweep())
    while len(world.ticks) < 1:
        await asyncio.sleep(0)
    sweeping.cancel()
    assert (world.ticks[0].quality, world.ticks[0].seq) == (Price.STALE, 8)
    assert world.ticks[0].max_age_ms > 5000
    assert world.latest.beats > 0


async def test_what_a_former_ingester_left_of_unlisted_symbols_is_dropped(world):
    world.publisher.take_over([Price(symbol="BTC-USD", seq=41), Price(symbol="LUNA-USD", seq=7)])
    assert world.publisher.forget_all_but(["BTC-USD"]) == ["LUNA-USD"]
    assert list(world.publisher.prices) == ["BTC-USD"]


async def test_readers_end_when_the_service_stops():
    streams, stopping = Streams(), asyncio.Event()
    with streams.open("BTC-USD") as slot:
        stopping.set()
        await streams.close_when(stopping)
        assert [price async for price in slot.prices()] == []


async def test_a_slow_reader_gets_the_newest_price_only(world):
    with world.streams.open("BTC-USD") as slot:
        for last in ("100", "101", "102"):
            world.hear(last)
            await world.publisher.publish("BTC-USD")
        assert (await anext(slot.prices())).price == "102.00"
