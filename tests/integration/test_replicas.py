"""Replicas of a service as processes, under load: killed, suspended, failing, slow, and back again."""

import asyncio
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from cryptovault.prices.v1 import prices_service_pb2 as prices_pb

from services.gateway.balancing.replica import Replica
from services.gateway.transcoding.catalog import Operation
from services.gateway.upstreams import Upstream
from services.kit.breaker import State
from services.kit.caller import Caller
from services.kit.clock import SystemClock
from services.kit.errors import CryptoVaultError
from services.kit.testing import free_port
from tests.integration.replica_process import start
from tests.unit.gateway.test_calls import operation

pytestmark = pytest.mark.integration

PATIENCE = 60.0  # seconds
READERS = 6
READ = operation("ListPrices")
QUICK_READ = replace(READ, policy=replace(READ.policy, timeout=2.0))


@dataclass
class Service:
    """Three replicas behind one upstream, and clients that read from it without pause."""

    upstream: Upstream
    processes: dict[int, subprocess.Popen[bytes]]
    operation: Operation
    answers: Counter[int] = field(default_factory=Counter)
    errors: list[CryptoVaultError] = field(default_factory=list)

    @property
    def first(self) -> int:
        """The port of the replica that something happens to."""
        return next(iter(self.processes))

    def replica(self, port: int) -> Replica:
        return next(replica for replica in self.upstream.balancer.replicas if replica.address.endswith(f":{port}"))

    def signal(self, number: int) -> None:
        self.processes[self.first].send_signal(number)

    async def read(self) -> None:
        """As one client does, again and again."""
        while True:
            try:
                answer = await self.upstream.call(self.operation, b"", Caller())
                self.answers[prices_pb.ListPricesResponse.FromString(answer).prices[0].seq] += 1
            except CryptoVaultError as error:
                self.errors.append(error)
            await asyncio.sleep(0.005)

    async def reads(self, count: int) -> Counter[int]:
        """Who answered the next so many reads."""
        before = self.answers.copy()
        await until(lambda: (self.answers - before).total() >= count)
        return self.answers - before


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def service(operation: Operation, first: str = "well") -> AsyncIterator[Service]:
    ports = [free_port() for _ in range(3)]
    processes = {port: start(port, first if port == ports[0] else "well") for port in ports}
    address = ",".join(f"127.0.0.1:{port}" for port in ports)
    try:
        async with Upstream.open("prices", address, SystemClock(), hedge_share=0.2) as upstream:
            made = Service(upstream, processes, operation)
            await until(lambda: all(replica.fit for replica in upstream.balancer.replicas))
            readers = [asyncio.create_task(made.read()) for _ in range(READERS)]
            yield made
            for reader in readers:
                reader.cancel()
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


async def test_no_read_fails_when_one_of_three_is_killed_and_it_is_used_again_when_it_is_back() -> None:
    async with service(READ) as made:
        assert len(await made.reads(200)) == 3
        made.signal(signal.SIGKILL)
        await until(lambda: made.replica(made.first).left_out)
        assert made.first not in await made.reads(300)
        made.processes[made.first].wait()
        made.processes[made.first] = start(made.first)
        await until(lambda: made.replica(made.first).fit)
        assert len(await made.reads(200)) == 3
        assert made.errors == []


async def test_one_that_is_suspended_is_left_out_until_it_goes_on() -> None:
    async with service(QUICK_READ) as made:
        await made.reads(200)
        made.signal(signal.SIGSTOP)
        await until(lambda: made.replica(made.first).breaker.state is not State.CLOSED)
        made.errors.clear()
        assert made.first not in await made.reads(300)
        assert made.errors == []
        made.signal(signal.SIGCONT)
        await until(lambda: made.replica(made.first).fit)
        assert len(await made.reads(200)) == 3


async def test_one_that_answers_that_it_cannot_is_ejected() -> None:
    async with service(READ, "failing") as made:
        await until(lambda: made.replica(made.first).record.ejected)
        await made.reads(10 * READERS)  # what was under way there may still fail
        made.errors.clear()
        assert made.first not in await made.reads(300)
        assert (made.errors, made.upstream.balancer.state) == ([], State.CLOSED)


async def test_one_that_is_slow_gets_few_calls_and_then_none() -> None:
    async with service(QUICK_READ, "slow") as made:
        await until(lambda: made.replica(made.first).breaker.opened > 0)
        assert made.answers[made.first] < made.answers.total() / 10
        assert made.upstream.left_out == (made.replica(made.first).address,)
