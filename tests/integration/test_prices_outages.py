"""What prices depends on goes away and comes back: nothing crashes, health is truthful, all recovers by itself."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

import asyncpg
import grpc
import nats
import pytest
import redis.asyncio
from cryptovault.events.v1.events_pb2 import Tick
from cryptovault.prices.v1 import prices_service_pb2 as rpc
from cryptovault.prices.v1.price_pb2 import Price
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.kit.testing import free_port
from tests.integration.prices_process import client, environment, eventually, good_price, process, simulator

pytestmark = pytest.mark.integration
PARTS = ("redis", "nats", "postgres")


class Line:
    """A TCP line to a server that can be cut and mended."""

    def __init__(self, url):
        self._target = (urlsplit(url).hostname, urlsplit(url).port)
        self.port = free_port()
        self.url = url.replace(f":{self._target[1]}", f":{self.port}")
        self._server = None
        self._open = set()

    async def mend(self):
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    def cut(self):
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _carry(self, reader, writer):
        there, back = await asyncio.open_connection(*self._target)
        self._open |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, reader, writer):
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def market():
    with simulator() as address:
        yield address


@pytest.fixture
async def lines(valkey_url, nats_url, database_url):
    lines = {"redis": Line(valkey_url.replace("/0", "/2")), "nats": Line(nats_url), "postgres": Line(database_url)}
    yield lines
    for line in lines.values():
        line.cut()


@pytest.fixture
async def port(market, lines):
    port = free_port()
    urls = (lines[part].url for part in PARTS)
    with process("services.prices", environment(market, port, *urls)) as running:
        yield port
        assert running.poll() is None, "it crashed"
        running.terminate()
        await asyncio.to_thread(running.wait, 20)  # the lines go on carrying meanwhile


async def healthy(port, part):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=part))
    return answer.status == health_pb2.HealthCheckResponse.SERVING


async def unhealthy(port, part):
    return not await healthy(port, part)


async def newer(stub, seq):
    price = await good_price(stub)
    return price if price is not None and price.seq > seq else None


async def test_it_starts_with_everything_away_and_works_as_soon_as_they_come(port, lines):
    async with client(port) as stub:
        await eventually(lambda: healthy(port, "live"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListPrices(rpc.ListPricesRequest(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert [await healthy(port, part) for part in PARTS] == [False, False, False]
        for line in lines.values():
            await line.mend()
        await eventually(lambda: good_price(stub))
        for part in PARTS:
            await eventually(lambda part=part: healthy(port, part))


@pytest.mark.parametrize("part", PARTS)
async def test_prices_go_on_while_a_part_is_away_and_health_names_it(port, lines, part):
    for line in lines.values():
        await line.mend()
    async with client(port) as stub:
        before = await eventually(lambda: good_price(stub))
        lines[part].cut()
        await eventually(lambda: unhealthy(port, part), limit=5)
        during = await eventually(lambda: newer(stub, before.seq), limit=5)
        await lines[part].mend()
        await eventually(lambda: healthy(port, part), limit=10)
        assert await newer(stub, during.seq)


async def test_candles_made_while_postgres_was_away_are_written_when_it_is_back(port, lines, database_url):
    for line in lines.values():
        await line.mend()
    async with client(port) as stub:
        await eventually(lambda: good_price(stub))
        lines["postgres"].cut()
        database = await asyncpg.connect(database_url)
        await database.execute("DELETE FROM prices.candles")
        await asyncio.sleep(3)
        assert await database.fetchval("SELECT count(*) FROM prices.candles") == 0
        await lines["postgres"].mend()
        await eventually(lambda: database.fetchval("SELECT count(*) FROM prices.candles WHERE symbol = 'BTC-USD'"))
        await database.close()


async def test_redis_gets_the_latest_prices_again_after_it_was_away(port, lines, valkey_url):
    for line in lines.values():
        await line.mend()
    store = redis.asyncio.from_url(valkey_url.replace("/0", "/2"))
    async with client(port) as stub:
        found = await eventually(lambda: good_price(stub))
        before = await eventually(lambda: newer(stub, found.seq))  # not what a former process left: this one ingests
        lines["redis"].cut()
        await store.delete("cv:{prices}:latest")
        await lines["redis"].mend()
        data = await eventually(lambda: store.hget("cv:{prices}:latest", "BTC-USD"))
    await store.aclose()
    assert Price.FromString(data).seq > before.seq


async def test_ticks_flow_again_after_nats_was_away(port, lines, nats_url):
    for line in lines.values():
        await line.mend()
    connection = await nats.connect(nats_url)
    ticks = await connection.subscribe("cv.tick.BTC-USD")
    first = Tick.FromString((await ticks.next_msg(timeout=20)).data).price
    lines["nats"].cut()
    await asyncio.sleep(1)
    await lines["nats"].mend()
    assert await eventually(lambda: tick_after(ticks, first.seq + 10))
    await connection.close()


async def tick_after(ticks, seq):
    with suppress(nats.errors.TimeoutError):
        return Tick.FromString((await ticks.next_msg(timeout=1)).data).price.seq > seq
    return False
