"""The gateway over its real server: both ports, HTTP/1.1 and HTTP/2, shared limits, and its end."""

import asyncio
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from services.gateway.limits.gcra import Limit, Rule
from services.gateway.limits.limiter import RateLimiter
from services.gateway.limits.script import ORDER_LUA
from services.kit.store import Store
from services.kit.testing import FakeClock, free_port
from tests.integration.gateway_front import Running, running
from tests.unit.gateway.harness import gateway

pytestmark = pytest.mark.integration


@pytest.fixture(scope="session")
def tls_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture
async def front(tls_folder: Path) -> AsyncIterator[Running]:
    async with running(tls_folder, rate_limit_factor=1000) as front:
        yield front


async def test_both_protocols_on_the_plain_port_and_alpn_on_the_tls_port(front: Running) -> None:
    trust = ssl.create_default_context(cafile=str(front.ca))
    async with (
        httpx.AsyncClient() as http1,
        httpx.AsyncClient(http1=False, http2=True) as h2c,
        httpx.AsyncClient(http2=True, verify=trust) as tls,
    ):
        answers = [
            await http1.get(f"{front.plain}/api/prices"),
            await h2c.get(f"{front.plain}/api/prices"),
            await tls.get(f"{front.tls}/api/prices"),
        ]
    assert [answer.http_version for answer in answers] == ["HTTP/1.1", "HTTP/2", "HTTP/2"]
    assert {answer.status_code for answer in answers} == {200}
    assert ["strict-transport-security" in answer.headers for answer in answers] == [False, False, True]
    assert all("server" not in answer.headers for answer in answers)


class RawH2:
    """An HTTP/2 client that does exactly what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.connection = h2.connection.H2Connection(config)
        self.status: dict[int, str] = {}
        self.ended: set[int] = set()

    @classmethod
    async def connect(cls, port: int) -> "RawH2":
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        client.connection.initiate_connection()
        client.flush()
        return client

    def flush(self) -> None:
        self.writer.write(self.connection.data_to_send())

    def request(self, stream: int, verb: str, path: str, *, end: bool) -> None:
        headers = [(":method", verb), (":path", path), (":scheme", "http"), (":authority", "gateway")]
        self.connection.send_headers(stream, headers, end_stream=end)
        self.flush()

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        self.connection.send_data(stream, data, end_stream=end)
        self.flush()

    async def until_ended(self, *streams: int) -> None:
        async with asyncio.timeout(10):
            while not self.ended.issuperset(streams):
                await self.read()

    async def read(self) -> None:
        received = await self.reader.read(65536)
        assert received, "the server has closed the connection"
        for event in self.connection.receive_data(received):
            if isinstance(event, h2.events.ResponseReceived):
                self.status[event.stream_id] = dict(event.headers)[":status"]
            elif isinstance(event, h2.events.DataReceived):
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
        self.flush()


@pytest.mark.parametrize(("path", "status"), [("/api/auth/password", "401"), ("/api/nothing", "404"), ("/ping", "405")])
async def test_an_early_answer_to_an_upload_leaves_the_connection_whole(front: Running, path: str, status: str) -> None:
    client = await RawH2.connect(front.port)
    client.request(1, "POST", path, end=False)
    for _ in range(30):
        client.data(1, b"x" * 1000)
    client.request(3, "GET", "/ping", end=True)
    await client.until_ended(3)
    await asyncio.sleep(0.3)
    client.data(1, b"late", end=True)
    client.request(5, "GET", "/api/prices", end=True)
    await client.until_ended(1, 5)
    assert client.status == {1: status, 3: "200", 5: "200"}


async def test_a_client_that_never_finishes_its_upload_is_answered_all_the_same(front: Running) -> None:
    client = await RawH2.connect(front.port)
    client.request(1, "POST", "/api/auth/password", end=False)
    client.data(1, b"x")
    client.request(3, "GET", "/api/nothing", end=False)
    await client.until_ended(1, 3)
    assert client.status == {1: "401", 3: "404"}


async def test_one_connection_serves_more_requests_than_stock_settings_allow(front: Running) -> None:
    async with httpx.AsyncClient(http1=False, http2=True) as client:
        for _ in range(24):
            answers = await asyncio.gather(*(client.get(f"{front.plain}/ping") for _ in range(50)))
            assert {answer.status_code for answer in answers} == {200}


async def test_events_arrive_one_by_one_and_leaving_ends_the_call(front: Running) -> None:
    front.harness.prices.streamed = 1_000_000
    async with httpx.AsyncClient() as client:
        async with client.stream("GET", f"{front.plain}/api/prices/BTC-USD/stream") as answer:
            lines = answer.aiter_lines()
            first = [await anext(lines) for _ in range(3)]
        async with asyncio.timeout(5):
            await front.harness.prices.stream_ended.wait()
    assert first[0] == "retry: 2000"
    assert first[2].startswith('data: {"symbol":"BTC-USD"')


async def test_resetting_an_http2_stream_ends_the_call(front: Running) -> None:
    front.harness.prices.streamed = 1_000_000
    client = await RawH2.connect(front.port)
    client.request(1, "GET", "/api/prices/BTC-USD/stream", end=True)
    while 1 not in client.status:
        await client.read()
    client.connection.reset_stream(1)
    client.flush()
    async with asyncio.timeout(5):
        await front.harness.prices.stream_ended.wait()
    client.request(3, "GET", "/ping", end=True)
    await client.until_ended(3)
    assert client.status == {1: "200", 3: "200"}


async def test_replicas_share_a_limit_through_redis(valkey_url: str) -> None:
    async with Store.open(valkey_url) as first_store, Store.open(valkey_url) as second_store:
        replicas = [
            RateLimiter(store.script(ORDER_LUA), FakeClock(), patience=1.0) for store in (first_store, second_store)
        ]
        rule = Rule("shared", Limit(10, 3600))
        decisions = [await replicas[turn % 2].check(rule, "client") for turn in range(12)]
    assert [decision.allowed for decision in decisions] == [True] * 10 + [False] * 2
    assert [decision.remaining for decision in decisions[:10]] == list(range(9, -1, -1))
    assert 0 < decisions[-1].retry_after <= 360


async def test_sigterm_answers_what_is_in_flight_and_ends_in_spite_of_idle_connections(
    tls_folder: Path, valkey_url: str, nats_url: str
) -> None:
    async with gateway() as upstream:
        upstream.prices.delay = 1.0
        port = free_port()
        process = await start_process(port, tls_folder, valkey_url, nats_url, upstream.addresses)
        idle = await asyncio.open_connection("127.0.0.1", port)
        async with httpx.AsyncClient(http1=False, http2=True, timeout=10) as client:
            asked = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/api/prices"))
            await asyncio.sleep(0.4)
            process.send_signal(signal.SIGTERM)
            answer = await asked
        code = await asyncio.wait_for(process.wait(), 15)
        idle[1].close()
    assert (answer.status_code, code) == (200, 0)


async def start_process(
    port: int, tls_folder: Path, valkey_url: str, nats_url: str, addresses: dict[str, str]
) -> asyncio.subprocess.Process:
    environ = {
        "CV_GATEWAY_HOST": "127.0.0.1",
        "CV_GATEWAY_PORT": str(port),
        "CV_GATEWAY_TLS_PORT": str(free_port()),
        "CV_GATEWAY_TLS_DIR": str(tls_folder),
        "CV_REDIS_URL": valkey_url,
        "CV_NATS_URL": nats_url,
        "CV_DRAIN_SECONDS": "5",
        **{f"CV_{area.upper()}_ADDRESS": address for area, address in addresses.items()},
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.gateway", env=environ)
    async with asyncio.timeout(20), httpx.AsyncClient() as client:
        while True:
            try:
                await client.get(f"http://127.0.0.1:{port}/ready")
                return process
            except httpx.TransportError:
                await asyncio.sleep(0.1)


async def test_wrong_settings_are_all_told_and_exit_with_2() -> None:
    environ = {"CV_GATEWAY_PORT": "http", "CV_GATEWAY_RATE_LIMIT_FACTOR": "-1", "CV_GATEWAY_TLS_PROT": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.gateway", env=environ, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    assert process.returncode == 2
    assert all(name.encode() in told for name in environ)
    assert b"did you mean CV_GATEWAY_TLS_PORT?" in told


@pytest.mark.parametrize("http2", [False, True])
async def test_over_both_protocols_a_question_that_comes_again_takes_the_short_way(front: Running, http2: bool) -> None:
    async with httpx.AsyncClient(http1=not http2, http2=http2) as client:
        answers = [await client.get(f"{front.plain}/api/prices") for _ in range(4)]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert front.harness.repeats.answered == 3
