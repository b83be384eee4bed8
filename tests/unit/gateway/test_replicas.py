"""Replicas of one service of which some are broken: real servers behind one list of addresses."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
from cryptovault.prices.v1 import prices_service_pb2_grpc as prices_grpc

from services.gateway.balancing.replica import Replica
from services.gateway.balancing.verdict import Verdict
from services.gateway.components import Components
from services.gateway.resilience.statistics import of_replicas, of_upstreams
from services.gateway.upstreams import Upstream, Upstreams
from services.kit.breaker import State
from services.kit.caller import Caller
from services.kit.clock import SystemClock
from services.kit.errors import CryptoVaultError, NotFound, Unavailable
from services.kit.testing import free_port
from tests.unit.gateway.harness import FakePrices, start_upstream
from tests.unit.gateway.test_calls import operation

ROUND = 40  # calls; fewer than are let in at once
MANY = 100_000
REGISTER = prices_grpc.add_PricesServiceServicer_to_server


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.balancing.balancer.PAUSE", 0.1)
    monkeypatch.setattr("services.gateway.balancing.replica.SOUNDING_SECONDS", 0.5)


@dataclass
class Service:
    """One service with several replicas, of which the first `away` are nowhere."""

    upstream: Upstream
    servers: list[FakePrices]

    @property
    def replicas(self) -> tuple[Replica, ...]:
        return self.upstream.balancer.replicas

    async def calls(self) -> list[int]:
        """How many of a round of calls each server got."""
        before = [server.calls for server in self.servers]
        await asyncio.gather(*(self.call() for _ in range(ROUND)), return_exceptions=True)
        return [server.calls - count for server, count in zip(self.servers, before, strict=True)]

    async def call(self, rpc: str = "ListPrices") -> bytes:
        return await self.upstream.call(operation(rpc), b"", Caller())


@asynccontextmanager
async def service(servers: int, away: int = 0) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        fakes = [FakePrices() for _ in range(servers)]
        nowhere = [f"127.0.0.1:{free_port()}" for _ in range(away)]
        addresses = nowhere + [await start_upstream(stack, (REGISTER, fake)) for fake in fakes]
        opened = Upstream.open("prices", ",".join(addresses), SystemClock(), hedge_share=0.0)
        made = Service(await stack.enter_async_context(opened), fakes)
        await eventually(lambda: all(replica.fit for replica in made.replicas[away:]))
        yield made


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


async def test_all_replicas_get_calls() -> None:
    async with service(servers=3) as made:
        assert min(await made.calls()) > 0


@pytest.mark.parametrize("servers", [2, 3])
async def test_one_that_answers_all_calls_with_unavailable_is_left_out_and_the_service_stays_well(servers: int) -> None:
    async with service(servers=servers) as made:
        made.servers[0].failures = [Unavailable("broken")] * MANY
        while not made.replicas[0].left_out:
            await made.calls()
        assert (await made.calls())[0] == 0
        assert (made.upstream.balancer.state, made.replicas[0].record.ejections) == (State.CLOSED, 1)


async def test_reads_are_tried_again_at_another_replica() -> None:
    async with service(servers=2) as made:
        made.servers[0].failures = [Unavailable("broken")]
        made.replicas[1].in_flight = 1  # busy, so that the other one is picked first
        await made.call()
        assert [server.calls for server in made.servers] == [1, 1]


async def test_a_slow_read_is_asked_a_second_time_at_another_replica() -> None:
    async with service(servers=2) as made:
        made.upstream.hedges.spend = lambda: True
        while (usual := made.upstream._latencies.p95(operation("ListPrices").name)) is None:
            await made.calls()
        before = [server.calls for server in made.servers]
        for server in made.servers:
            server.delay = max(0.2, 3 * usual)
        await made.call()
        assert [server.calls - count for server, count in zip(made.servers, before, strict=True)] == [1, 1]


async def test_one_that_was_too_slow_is_used_again_when_it_answers_well(monkeypatch: pytest.MonkeyPatch) -> None:
    async with service(servers=2) as made:
        monkeypatch.setattr("services.gateway.upstreams.SLOW_SHARE", 0.0)
        while all(replica.fit for replica in made.replicas):
            await made.call()
        monkeypatch.undo()
        await eventually(lambda: all(replica.fit for replica in made.replicas))
        assert (made.replicas[0].breaker.opened, made.replicas[1].breaker.opened) in {(0, 1), (1, 0)}


async def test_one_that_is_nowhere_costs_no_client_anything() -> None:
    async with service(servers=2, away=1) as made:
        for _ in range(5):
            assert sum(await made.calls()) == ROUND
        await eventually(lambda: made.upstream.left_out == (made.replicas[0].address,))
        assert (made.upstream.retries.spent, made.upstream.balancer.state) == (0, State.CLOSED)


async def test_one_that_comes_back_is_used_again_without_trying_it_on_clients() -> None:
    async with service(servers=1, away=1) as made, AsyncExitStack() as stack:
        away = made.replicas[0]
        away.breaker.doubt()
        made.upstream.balancer.heed(away, Verdict.AWAY)
        await eventually(lambda: away.breaker.opened > 0)
        back = FakePrices()
        await start_upstream(stack, (REGISTER, back), int(away.address.rpartition(":")[2]))
        await eventually(lambda: away.fit)
        assert back.calls == 0
        await made.calls()
        assert back.calls > 0


async def test_a_service_that_is_nowhere_refuses_at_once_and_is_found_when_it_comes() -> None:
    async with service(servers=0, away=2) as made, AsyncExitStack() as stack:
        while made.upstream.balancer.allows():
            await made.calls()
        with pytest.raises(Unavailable, match="prices is not answering"):
            made.upstream.stream(operation("StreamPrices"), b"", Caller())
        await start_upstream(stack, (REGISTER, FakePrices()), int(made.replicas[0].address.rpartition(":")[2]))
        await eventually(made.upstream.balancer.allows)
        assert await succeeds(made)


async def succeeds(made: Service) -> bool:
    for _ in range(100):
        try:
            return bool(await made.call())
        except CryptoVaultError:
            await asyncio.sleep(0.1)
    return False


async def test_clients_that_leave_a_stream_say_nothing_against_a_replica() -> None:
    async with service(servers=2) as made:
        for _ in range(ROUND):
            stream = made.upstream.stream(operation("StreamPrices"), b"\n\x07BTC-USD", Caller())
            await stream.next()
            stream.close()
        assert all(replica.fit and replica.idle for replica in made.replicas)
        assert min(server.calls for server in made.servers) > 0


async def test_a_stream_that_breaks_has_its_replica_asked_how_it_is() -> None:
    async with service(servers=0, away=1) as made:
        stream = made.upstream.stream(operation("StreamPrices"), b"\n\x07BTC-USD", Caller())
        with pytest.raises(Unavailable):
            await stream.next()
        assert made.replicas[0].breaker.doubted
        await eventually(lambda: made.replicas[0].breaker.opened > 0)
        assert not made.upstream.balancer.allows()


async def test_health_and_metrics_name_the_replica_that_is_out() -> None:
    async with service(servers=2, away=1) as made:
        upstreams, away = Upstreams({"prices": made.upstream}), made.replicas[0].address
        await eventually(lambda: bool(made.upstream.left_out))
        report = await Components({}, upstreams, SystemClock()).report()
        assert report.components["prices"].status == "degraded"
        assert report.components["prices"].detail == f"1 of 3 replicas is left out: {away}"
        assert {point.attributes["replica"] for point in of_replicas(upstreams.statistics, "opened")} >= {away}
        assert [point.attributes for point in of_upstreams(upstreams.statistics, "limit")] == [{"upstream": "prices"}]


async def test_health_is_asked_of_a_replica_that_answers() -> None:
    async with service(servers=1, away=1) as made:
        assert await made.upstream.check("", timeout=10.0)
        with pytest.raises(NotFound):
            await made.upstream.check("nonsense", timeout=10.0)
