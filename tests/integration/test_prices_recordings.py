"""Recorded exchange traffic, replayed by the simulator over real sockets, comes out as recorded."""

import pytest
from cryptovault.prices.v1 import prices_service_pb2 as rpc
from cryptovault.prices.v1.price_pb2 import Price

from services.kit.testing import free_port
from tests.integration.prices_process import RECORDINGS, client, environment, eventually, process, simulator

pytestmark = pytest.mark.integration

SPEED = "30"
# open high low close volume trades of the whole minutes: the ground truth in the recordings' SOURCES.md
BTC_MINUTES = [
    ("61828.00", "61860.80", "61780.00", "61782.25", "15.07702", 1255),
    ("61782.25", "61782.26", "61723.99", "61727.66", "15.49778", 1011),
    ("61727.66", "61735.99", "61651.01", "61652.01", "59.29235", 2069),
    ("61652.00", "61745.27", "61583.22", "61717.63", "77.14202", 3216),
    ("61717.64", "61743.50", "61666.17", "61685.99", "32.41946", 1312),
]


@pytest.fixture(scope="module")
def port(valkey_url, nats_url, database_url):
    assert RECORDINGS.is_dir(), f"no recordings at {RECORDINGS}: set CV_RECORDINGS to the folder of their SOURCES.md"
    port = free_port()
    with simulator(CV_SIMULATOR_RECORDINGS=str(RECORDINGS), CV_SIMULATOR_SPEED=SPEED) as address:
        settings = environment(address, port, valkey_url, nats_url, database_url)
        with process("services.prices", settings | {"CV_REDIS_URL": valkey_url.replace("/0", "/1")}):
            yield port


async def test_all_recorded_markets_are_priced_with_recorded_values(port):
    async with client(port) as stub:
        prices = await eventually(lambda: prices_of(stub, {"BTC-USD", "ETH-USD", "SKL-USD", "YFI-BTC", "XMR-USD"}))
    assert 61_583 <= float(prices["BTC-USD"].price) <= 61_861
    assert 2_679 <= float(prices["ETH-USD"].price) <= 2_686
    assert all(price.simulated and price.sources and price.price for price in prices.values())
    assert all(price.seq > 0 and price.quality != Price.QUALITY_UNSPECIFIED for price in prices.values())


async def prices_of(stub, wanted):
    found = {price.symbol: price for price in (await stub.ListPrices(rpc.ListPricesRequest())).prices}
    return found if wanted <= set(found) else None


async def test_candles_equal_the_ground_truth_however_often_the_recording_is_repeated(port):
    async with client(port) as stub:
        assert await eventually(lambda: minutes(stub), limit=60) == BTC_MINUTES


async def minutes(stub):
    answer = await stub.ListCandles(rpc.ListCandlesRequest(symbol="BTC-USD"))
    found = [(item.open, item.high, item.low, item.close, item.volume, item.trades) for item in answer.candles]
    assert found[1:6] == BTC_MINUTES
    return found[1:6]
