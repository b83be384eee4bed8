"""Several gateway workers on one machine: replicas that share ports, limits and revocations, and die one by one."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from cryptovault.auth.v1 import auth_service_pb2_grpc as auth_grpc
from cryptovault.events.v1.events_pb2 import AuthRevoked, ServiceStats
from cryptovault.prices.v1 import prices_service_pb2_grpc as prices_grpc

from services.kit.bus import Bus, Delivery
from services.kit.testing import free_port
from tests.integration import realtime_node
from tests.unit.gateway.harness import FakeAuth, FakePrices, start_upstream

pytestmark = pytest.mark.integration

WORKERS = 3
PATIENCE = 30.0  # seconds
REQUESTS = 30


class Auth(FakeAuth, realtime_node.Auth):
    """Accounts of one test, and the keys of others."""


@dataclass
class Front:
    """A gateway of several workers."""

    process: asyncio.subprocess.Process
    port: int
    environ: dict[str, str]
    prices: FakePrices
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> dict[int, psutil.Process]:
        return {child.pid: child for child in psutil.Process(self.process.pid).children()}

    def served_by(self) -> dict[int, int]:
        """Open connections by worker."""
        return {pid: sockets(worker, "ESTABLISHED", self.port) for pid, worker in self.workers().items()}

    async def client_of_each(self) -> dict[int, httpx.AsyncClient]:
        """A client with one connection to each worker."""
        found: dict[int, httpx.AsyncClient] = {}
        while len(found) < len(self.workers()):
            before, client = self.served_by(), self.client()
            await client.get("/ping")
            worker = next(pid for pid, count in self.served_by().items() if count > before.get(pid, 0))
            found.setdefault(worker, client)
        return found

    def client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=1)
        made = httpx.AsyncClient(base_url=self.url, http1=False, http2=True, limits=limits, timeout=PATIENCE)
        self.clients.append(made)
        return made


def sockets(process: psutil.Process, state: str, port: int) -> int:
    """How many sockets in a state a process has on its own port."""
    try:
        found = process.net_connections("tcp")
    except psutil.NoSuchProcess:
        return 0
    return sum(item.status == state and item.laddr.port == port for item in found)


@asynccontextmanager
async def gateway(valkey_url: str, nats_url: str, folder: Path, rate_factor: int = 100) -> AsyncIterator[Front]:
    """The gateway as an operator starts it, with services of the test behind it."""
    async with AsyncExitStack() as stack:
        prices, port = FakePrices(), free_port()
        environ = environment(port, folder) | {
            "CV_REPLICA_ID": f"front-{port}",
            "CV_GATEWAY_RATE_LIMIT_FACTOR": str(rate_factor),
            "CV_REDIS_URL": valkey_url,
            "CV_NATS_URL": nats_url,
            "CV_AUTH_ADDRESS": await start_upstream(stack, (auth_grpc.add_AuthServiceServicer_to_server, Auth())),
            "CV_PRICES_ADDRESS": await start_upstream(stack, (prices_grpc.add_PricesServiceServicer_to_server, prices)),
        }
        front = Front(await start(environ), port, environ, prices)
        try:
            await until(lambda: all_serve(front))
            yield front
        finally:
            for client in front.clients:
                await client.aclose()
            if front.process.returncode is None:
                front.process.terminate()
                await front.process.wait()


def environment(port: int, folder: Path) -> dict[str, str]:
    return {
        "CV_GATEWAY_WORKERS": str(WORKERS),
        "CV_GATEWAY_HOST": "127.0.0.1",
        "CV_GATEWAY_PORT": str(port),
        "CV_GATEWAY_TLS_PORT": str(free_port()),
        "CV_GATEWAY_TLS_DIR": str(folder),
        "CV_DRAIN_SECONDS": "5",
    }


async def start(environ: dict[str, str], stderr: int | None = None) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "services.gateway", env=environ, stderr=stderr)


async def failure(environ: dict[str, str]) -> tuple[int | None, str]:
    """The exit code of a gateway that cannot start, and what it says."""
    async with asyncio.timeout(PATIENCE):
        process = await start(environ, asyncio.subprocess.PIPE)
        _, told = await process.communicate()
    return process.returncode, told.decode()


async def all_serve(front: Front) -> bool:
    """Whether every worker listens."""
    return [sockets(worker, "LISTEN", front.port) for worker in front.workers().values()] == [1] * WORKERS


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.05)


async def test_connections_and_statistics_are_spread_over_the_workers(
    valkey_url: str, nats_url: str, tmp_path: Path
) -> None:
    replicas: set[str] = set()

    async def note(delivery: Delivery) -> None:
        replicas.add(ServiceStats.FromString(delivery.data).replica)

    async with gateway(valkey_url, nats_url, tmp_path) as front, Bus.open(nats_url, "test") as bus:
        await bus.subscribe("cv.stats.gateway", note)
        answers = [await front.client().get("/ping") for _ in range(40)]
        served = front.served_by()
        ours = {f"front-{front.port}-{number}" for number in range(1, WORKERS + 1)}
        await until(lambda: holds(ours <= replicas))
    assert {answer.status_code for answer in answers} == {200}
    assert len(served) == WORKERS
    assert min(served.values()) >= 1


async def holds(condition: bool) -> bool:
    return condition


async def test_a_limit_holds_over_all_workers(valkey_url: str, nats_url: str, tmp_path: Path) -> None:
    async with gateway(valkey_url, nats_url, tmp_path, rate_factor=1) as front:
        clients = list((await front.client_of_each()).values())
        for client in clients:  # whoever has not asked Redis yet decides alone when it is late
            await client.get("/api/symbols")
        began = time.monotonic()
        answers = [await clients[turn % WORKERS].get("/api/venues") for turn in range(120)]
        refilled = int(time.monotonic() - began) + 1  # one a second
    passed = sum(answer.status_code != 429 for answer in answers)
    assert 60 <= passed <= 60 * (1 + 1 / WORKERS) + refilled


async def test_a_revoked_token_is_refused_by_every_worker(valkey_url: str, nats_url: str, tmp_path: Path) -> None:
    headers = {"authorization": f"Bearer {realtime_node.token('alice', 's1')}"}
    async with gateway(valkey_url, nats_url, tmp_path) as front, Bus.open(nats_url, "test") as bus:
        clients = (await front.client_of_each()).values()

        async def statuses() -> set[int]:
            return {(await client.get("/api/auth/me", headers=headers)).status_code for client in clients}

        async def all_refuse() -> bool:
            return await statuses() == {401}

        await until(lambda: holds(bus.connected))
        accepted = await statuses()
        await bus.publish("cv.auth.revoked", AuthRevoked(user_id="alice", session_id="s1", reason="logout"))
        async with asyncio.timeout(5):  # a second on a machine that is not busy
            await until(all_refuse)
    assert accepted == {200}


async def test_a_killed_worker_is_replaced_and_the_others_connections_go_on(
    valkey_url: str, nats_url: str, tmp_path: Path
) -> None:
    async with gateway(valkey_url, nats_url, tmp_path) as front:
        clients = await front.client_of_each()
        victim, *others = clients
        front.prices.delay = 2.0
        asked = [asyncio.create_task(clients[pid].get("/api/prices")) for pid in others]
        await asyncio.sleep(0.3)
        os.kill(victim, signal.SIGKILL)
        await until(lambda: all_serve(front))
        replaced = front.workers()
        answers = await asyncio.gather(*asked)
        again = await clients[others[0]].get("/ping")
    assert victim not in replaced
    assert set(others) < set(replaced)
    assert {answer.status_code for answer in (*answers, again)} == {200}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -9)])
async def test_the_end_of_the_supervisor_ends_all_workers_and_loses_no_request(
    valkey_url: str, nats_url: str, tmp_path: Path, number: int, code: int
) -> None:
    async with gateway(valkey_url, nats_url, tmp_path) as front:
        workers = front.workers().values()
        front.prices.delay = 3.0
        async with httpx.AsyncClient(base_url=front.url, timeout=PATIENCE) as client:
            asked = [asyncio.create_task(client.get("/api/prices")) for _ in range(REQUESTS)]
            await until(lambda: holds(sum(front.served_by().values()) == REQUESTS))
            await asyncio.sleep(0.5)  # for the requests to be read
            front.process.send_signal(number)
            answers = await asyncio.gather(*asked)
        async with asyncio.timeout(PATIENCE):
            ended = await front.process.wait()
        await until(lambda: holds(not any(worker.is_running() for worker in workers)))
    assert {answer.status_code for answer in answers} == {200}
    assert ended == code


async def test_a_second_gateway_is_told_that_the_ports_are_taken(
    valkey_url: str, nats_url: str, tmp_path: Path
) -> None:
    async with gateway(valkey_url, nats_url, tmp_path) as front:
        code, told = await failure(front.environ)
    assert code == 1
    assert "Address already in use" in told


async def test_what_keeps_the_first_worker_from_starting_ends_the_gateway_and_is_told_once(tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing.binpb")
    code, told = await failure(environment(free_port(), tmp_path) | {"CV_GATEWAY_DESCRIPTORS": missing})
    assert code == 1
    assert told.count(f"the descriptor set {missing} cannot be read") == 1
    assert "the first worker has ended with exit code 2" in told
