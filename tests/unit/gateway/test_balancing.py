"""Addresses, names, outliers and the choice of a replica, each by its rule and without a server."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from grpc import ChannelConnectivity as Connectivity

from services.gateway.balancing.addresses import Address, grpc_target, parse_addresses, servers_of
from services.gateway.balancing.balancer import STREAMS, Balancer
from services.gateway.balancing.outliers import FIRST, LONGEST, Record, is_outlier
from services.gateway.balancing.replica import Replica
from services.gateway.balancing.resolver import Resolver, look_up
from services.gateway.balancing.verdict import Verdict
from services.gateway.settings import Settings
from services.kit.breaker import State
from services.kit.errors import Unavailable
from services.kit.settings import SettingsError
from services.kit.settings import load as load_settings
from services.kit.testing import FakeClock

NAME = Address("prices", 50052)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("127.0.0.1:1", ["127.0.0.1"]),
        ("dns:///prices:1", ["prices"]),
        ("[::1]:1, prices:1", ["::1", "prices"]),
        ("a:1,b:1,c:1", ["a", "b", "c"]),
    ],
)
def test_an_address_is_a_server_or_a_name_or_a_list_of_them(text: str, hosts: list[str]) -> None:
    assert parse_addresses(text) == tuple(Address(host, 1) for host in hosts)


@pytest.mark.parametrize(
    "text", ["", "prices", "prices:", ":1", "prices:0", "prices:65536", "::1:50", "a:1,,b:1", "a:²"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        parse_addresses(text)


def test_a_wrong_address_is_told_with_its_setting_and_areas_may_have_several() -> None:
    environ = {"CV_PRICES_ADDRESS": "a:1,b", "CV_GATEWAY_UPSTREAMS": "orders=o:port"}
    with pytest.raises(SettingsError) as caught:
        load_settings(Settings, environ)
    assert [problem.partition(" ")[0] for problem in caught.value.problems] == [
        "CV_GATEWAY_UPSTREAMS",
        "CV_PRICES_ADDRESS",
    ]
    right = load_settings(Settings, {"CV_GATEWAY_UPSTREAMS": "orders=a:1,orders=b:1", "CV_AUTH_ADDRESS": "c:1,d:1"})
    assert (right.addresses["orders"], right.addresses["auth"]) == ("a:1,b:1", "c:1,d:1")


@pytest.mark.parametrize(
    ("text", "target"),
    [("10.0.0.1:1,10.0.0.2:1", "ipv4:10.0.0.1:1,10.0.0.2:1"), ("dns:///auth:1", "auth:1"), ("a:1,b:1", "a:1")],
)
def test_a_channel_that_balances_by_itself_gets_what_grpc_understands(text: str, target: str) -> None:
    assert grpc_target(text) == target


@pytest.mark.parametrize(
    ("found", "servers"),
    [
        (["10.0.0.2", "10.0.0.1", "10.0.0.2"], ["10.0.0.1:50052", "10.0.0.2:50052"]),
        (["::1", "127.0.0.1"], ["prices:50052"]),  # one server
        (["fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2"], ["[fd00::1]:50052", "[fd00::2]:50052"]),
        (["fd00::1", "10.0.0.1", "10.0.0.2"], ["10.0.0.1:50052", "10.0.0.2:50052"]),
        ([], []),
    ],
)
def test_a_server_with_addresses_of_both_families_is_one_server(found: list[str], servers: list[str]) -> None:
    assert [str(server) for server in servers_of(NAME, found)] == servers


class FakeNames:
    """What names stand for; unknown ones fail as in DNS."""

    def __init__(self, **hosts: list[str]) -> None:
        self.hosts = hosts
        self.faults: list[Exception] = []

    async def look_up(self, name: Address) -> Sequence[str]:
        if self.faults:
            raise self.faults.pop()
        if name.host not in self.hosts:
            raise socket.gaierror("no such name")
        return self.hosts[name.host]


async def test_what_cannot_be_looked_up_stays_what_it_was() -> None:
    names = FakeNames(a=["10.0.0.1"], b=["10.0.0.2", "10.0.0.1"])
    resolver = Resolver(parse_addresses("a:1,b:1,10.0.0.9:1,c:1"), names.look_up)
    assert (resolver.servers, resolver.changes) == (("10.0.0.9:1",), True)
    await resolver.refresh()
    del names.hosts["b"]
    names.hosts["a"] = []
    await resolver.refresh()
    assert resolver.servers == ("10.0.0.1:1", "10.0.0.2:1", "10.0.0.9:1")


async def test_the_system_knows_the_local_host() -> None:
    assert set(await look_up(Address("localhost", 1))) & {"127.0.0.1", "::1"}


def record(clock: FakeClock, good: int, faults: int) -> Record:
    made = Record(clock.monotonic)
    for number in range(good + faults):
        made.add(fault=number < faults)
    return made


@pytest.mark.parametrize(
    ("own", "others", "outlier"),
    [
        ((5, 5), (100, 0), True),
        ((6, 5), (100, 0), False),  # less than half
        ((0, 9), (100, 0), False),  # too few
        ((0, 20), (0, 0), False),  # nobody to compare with
        ((0, 20), (0, 20), False),  # all fail
        ((0, 20), (70, 30), True),
        ((8, 12), (70, 30), False),  # less than three times as bad
    ],
)
def test_an_outlier_fails_far_more_often_than_the_others(
    own: tuple[int, int], others: tuple[int, int], outlier: bool
) -> None:
    clock = FakeClock()
    assert is_outlier(record(clock, *own), [record(clock, *others), record(clock, 0, 0)]) is outlier


def test_it_is_left_out_for_longer_each_time_in_a_row() -> None:
    clock = FakeClock()
    made, lengths = Record(clock.monotonic), []
    for _ in range(6):
        made.eject()
        began = clock.now
        while made.ejected:
            clock.advance(1.0)
        lengths.append(clock.now - began)
    clock.advance(LONGEST)
    made.eject()
    assert (lengths, made.ejections) == ([FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, LONGEST, LONGEST], 7)
    clock.advance(FIRST)
    assert not made.ejected


class FakeChannel:
    """Is connected at once, and closed at some time."""

    def __init__(self, address: str) -> None:
        self.state = Connectivity.READY
        self.closed = False

    def get_state(self, try_to_connect: bool) -> Connectivity:
        return self.state

    async def close(self) -> None:
        self.closed = True


def balancer(clock: FakeClock, resolver: Resolver | None = None, count: int = 3) -> Balancer:
    """Of replicas 10.0.0.1, 10.0.0.2 …"""
    addresses = ",".join(f"10.0.0.{number + 1}:1" for number in range(count))
    connect: Any = FakeChannel
    return Balancer("prices", resolver or Resolver(parse_addresses(addresses)), clock.monotonic, connect)


def picked(made: Balancer, *tried: Replica, times: int = 200) -> set[Replica]:
    return {made.pick(tried) for _ in range(times)}


def channel_of(replica: Replica) -> Any:
    return replica.channel


def fail(replica: Replica, times: int = 5) -> None:
    for _ in range(times):
        replica.leave(replica.enter(), Verdict.AWAY)


def test_of_two_that_are_drawn_the_less_busy_one_is_picked() -> None:
    made = balancer(FakeClock())
    assert picked(made) == set(made.replicas)
    busy = made.replicas[1]
    busy.enter()
    assert picked(made) == set(made.replicas) - {busy}
    assert {made.pick(load=STREAMS) for _ in range(200)} == set(made.replicas)


def test_a_second_try_goes_to_another_one_as_long_as_there_is_one() -> None:
    made = balancer(FakeClock(), count=2)
    first, second = made.replicas
    assert picked(made, first) == {second}
    assert picked(made, first, second) == {first, second}
    fail(second, times=1)
    assert picked(made, first) == {second}


def test_who_left_a_call_unanswered_gets_none_while_others_are_fit() -> None:
    made = balancer(FakeClock())
    in_doubt, *fit = made.replicas
    fail(in_doubt, times=1)
    assert (in_doubt.breaker.state, picked(made)) == (State.CLOSED, set(fit))
    in_doubt.breaker.reassure()
    assert in_doubt in picked(made)


@pytest.mark.parametrize("state", [Connectivity.CONNECTING, Connectivity.TRANSIENT_FAILURE])
def test_who_is_not_connected_gets_none_while_others_are(state: Connectivity) -> None:
    made = balancer(FakeClock(), count=2)
    lost, fit = made.replicas
    channel_of(lost).state = state
    assert picked(made) == {fit}
    assert lost.left_out is (state is Connectivity.TRANSIENT_FAILURE)
    channel_of(fit).state = Connectivity.TRANSIENT_FAILURE
    assert lost in picked(made)


def test_those_that_are_half_open_are_tried_when_nobody_else_is_left() -> None:
    clock = FakeClock()
    made = balancer(clock, count=2)
    half_open, fit = made.replicas
    fail(half_open)
    clock.advance(1.0)
    assert picked(made) == {fit}
    fail(fit)
    assert picked(made) == {half_open}


def test_a_service_of_which_nobody_may_be_called_refuses_at_once_and_says_until_when() -> None:
    clock = FakeClock()
    made = balancer(clock)
    for replica in made.replicas:
        fail(replica)
    with pytest.raises(Unavailable, match="prices is not answering") as refused:
        made.pick()
    assert (refused.value.retry_after, made.state, made.allows()) == (1.0, State.OPEN, False)


def serve(made: Balancer, *broken: Replica, calls: int = 30) -> None:
    """Calls to all replicas in turn; the broken ones answer that they cannot."""
    for _ in range(calls):
        for replica in made.replicas:
            verdict = Verdict.FAULT if replica in broken else Verdict.WELL
            replica.leave(replica.enter(), verdict)
            made.heed(replica, verdict)


@pytest.mark.parametrize("count", [2, 3])
def test_a_replica_that_fails_while_the_others_do_not_is_ejected_though_its_breaker_is_closed(count: int) -> None:
    clock = FakeClock()
    made = balancer(clock, count=count)
    broken, *fit = made.replicas
    serve(made, broken)
    assert (picked(made), broken.breaker.state, broken.left_out) == (set(fit), State.CLOSED, True)
    clock.advance(FIRST)
    assert broken in picked(made)


@pytest.mark.parametrize(("count", "broken", "out"), [(1, 1, 0), (2, 2, 1), (3, 2, 1), (4, 2, 2), (5, 3, 2)])
def test_never_more_than_half_are_ejected_and_never_the_last(count: int, broken: int, out: int) -> None:
    made = balancer(FakeClock(), count=count)
    for replica in made.replicas[:broken]:
        serve(made, replica)
    assert sum(replica.record.ejected for replica in made.replicas) == out


async def test_a_replica_that_has_gone_ends_what_is_under_way_and_is_closed_then() -> None:
    names = FakeNames(prices=["10.0.0.1", "10.0.0.2"])
    made = balancer(FakeClock(), Resolver((NAME,), names.look_up))
    with pytest.raises(Unavailable):
        made.pick()
    await made.look_up()
    gone, kept = made.replicas
    probe = gone.enter()
    names.hosts["prices"] = ["10.0.0.2", "10.0.0.3"]
    await made.look_up()
    assert [replica.address for replica in made.replicas] == ["10.0.0.2:50052", "10.0.0.3:50052"]
    assert made.replicas[0] is kept
    await made.see_off()
    assert not channel_of(gone).closed
    gone.leave(probe, Verdict.WELL)
    await made.see_off()
    assert channel_of(gone).closed


@asynccontextmanager
async def running(made: Balancer):
    task = asyncio.create_task(made.run())
    yield
    task.cancel()


async def test_a_fault_does_not_end_the_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("PAUSE", "LOOKED_UP_EVERY"):
        monkeypatch.setattr(f"services.gateway.balancing.balancer.{pause}", 0.01)
    names = FakeNames(prices=["10.0.0.1"])
    made = balancer(FakeClock(), Resolver((NAME,), names.look_up))
    await made.look_up()
    names.faults, names.hosts["prices"] = [RuntimeError("a fault")], ["10.0.0.2"]
    async with running(made), asyncio.timeout(10):
        while made.replicas[0].address != "10.0.0.2:50052":
            await asyncio.sleep(0.01)
    assert not names.faults


async def test_a_fault_leaves_nobody_in_doubt(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    faults = [RuntimeError("a fault")]

    async def sound(replica: Replica) -> None:
        if faults:
            raise faults.pop()
        replica.breaker.reassure()

    monkeypatch.setattr("services.gateway.balancing.balancer.PAUSE", 0.01)
    monkeypatch.setattr(Replica, "sound", sound)
    made = balancer(FakeClock())
    fail(made.replicas[0], times=1)
    async with running(made), asyncio.timeout(10):
        made.heed(made.replicas[0], Verdict.AWAY)
        while made.replicas[0].breaker.doubted:
            await asyncio.sleep(0.01)
    assert "balancing prices failed and goes on" in caplog.messages


async def test_names_are_looked_up_again_as_soon_as_a_call_went_unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.balancing.balancer.LOOKED_UP_EVERY", 1000.0)
    names = FakeNames(prices=["10.0.0.1"])
    made = balancer(FakeClock(), Resolver((NAME,), names.look_up))
    await made.look_up()
    async with running(made), asyncio.timeout(10):
        names.hosts["prices"] = ["10.0.0.2"]
        made.heed(made.replicas[0], Verdict.AWAY)
        while made.replicas[0].address != "10.0.0.2:50052":
            await asyncio.sleep(0.01)
    assert len(made.replicas) == 1
