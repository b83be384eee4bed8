"""Two nodes on one bus: who is alive, what they answer, and what is done to sockets wherever they are."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from cryptovault.events.v1.events_pb2 import ServiceStats
from cryptovault.realtime.v1 import realtime_service_pb2 as pb
from cryptovault.realtime.v1.cluster_pb2 import NodeAnswer, NodeQuestion, SocketFilter

from services.kit.caller import Caller
from services.kit.errors import InvalidInput, PermissionDenied, Unauthenticated
from services.kit.testing import FakeBus, FakeClock
from services.realtime.domain.hub import Hub
from services.realtime.domain.registry import Identity
from services.realtime.handlers.answers import ROOM
from services.realtime.handlers.cluster import FORGET_AFTER, SILENCE, Answers, Cluster
from services.realtime.handlers.rpc import RealtimeHandlers
from tests.unit.realtime.helpers import (
    NOW,
    FakeAcknowledgers,
    FakeHistory,
    build_cluster,
    build_hub,
    delivery,
    join,
    tick,
)

ANN = Identity("ann", "session-a", 1, NOW)
BOB = Identity("bob", "session-b", 1, NOW)
FIGURES = NodeQuestion.ACTION_FIGURES


class Context:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def invocation_metadata(self):
        return self._caller.to_metadata()


ADMIN = Context(Caller(user_id="root", scopes=frozenset({"admin"})))


@dataclass
class Member:
    hub: Hub
    cluster: Cluster
    rpc: RealtimeHandlers
    clients: FakeAcknowledgers


@pytest.fixture
def bus():
    return FakeBus()


@pytest.fixture
async def nodes(bus, clock):
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(member) for member in [Entering(bus, clock, n) for n in (1, 2)]]


class Entering:
    def __init__(self, bus: FakeBus, clock: FakeClock, number: int) -> None:
        hub, clients = build_hub(clock), FakeAcknowledgers()
        cluster = build_cluster(f"node-{number}", bus, hub, clock, clients)
        self.member = Member(hub, cluster, RealtimeHandlers(bus, FakeHistory(), cluster, clock), clients)
        self._bus = bus

    async def __aenter__(self) -> Member:
        self._joined = self.member.cluster.join()
        await self._joined.__aenter__()
        await self._bus.reconnect()
        return self.member

    async def __aexit__(self, *error: object) -> None:
        await self._joined.__aexit__(None, None, None)


async def ask(node: Member, deadline: float = 0.05) -> Answers:
    return await node.cluster.ask(NodeQuestion(action=FIGURES), deadline)


async def test_nodes_know_each_other_from_their_first_word(nodes):
    first, second = nodes
    await ask(first, deadline=1)
    assert (first.cluster.alive(), second.cluster.alive()) == ({"node-2"}, {"node-1"})


async def test_a_node_that_says_farewell_is_forgotten_at_once(bus, clock):
    async with Entering(bus, clock, 1) as first:
        async with Entering(bus, clock, 2):
            await ask(first, deadline=1)
        assert (first.cluster.alive(), (await ask(first)).missing) == (set(), [])


async def test_a_node_that_falls_silent_is_named_for_a_while_and_not_waited_for(nodes, clock):
    first, _ = nodes
    await first.cluster.heartbeat(delivery(ServiceStats(replica="node-3")))
    assert (await ask(first)).missing == ["node-3"]
    clock.advance(SILENCE)
    assert first.cluster.alive() == set()
    assert "node-3" in (await ask(first, deadline=60)).missing
    clock.advance(FORGET_AFTER)
    assert "node-3" not in (await ask(first, deadline=60)).missing


async def test_without_nats_a_node_answers_for_itself_and_names_the_others(nodes, bus):
    first, _ = nodes
    await ask(first, deadline=1)
    bus.connected = False
    answers = await ask(first, deadline=60)
    bus.connected = True
    assert ([answer.node for answer in answers.given], answers.missing) == (["node-1"], ["node-2"])


async def test_an_answer_that_comes_too_late_is_passed_over(nodes, bus):
    first, _ = nodes
    answers = await ask(first, deadline=1)
    await first.cluster._answered(delivery(NodeAnswer(id="past", node="node-2")))
    assert len(answers.given) == 2


async def test_statistics_add_the_nodes_up(nodes):
    first, second = nodes
    join(first.hub, "prices")
    join(second.hub, "prices", "prices:BTC-USD", identity=ANN)
    for number in range(3):
        second.hub.market.tick(tick(seq=number, published_at=NOW + number))
    second.hub.flush()
    second.hub.meter.refusals["token"] += 2
    stats = await first.rpc.GetStats(pb.GetStatsRequest(), ADMIN)
    total = stats.total
    assert [node.node for node in stats.nodes] == ["node-1", "node-2"]
    assert (total.connections, total.authenticated, dict(total.transports)) == (2, 1, {"websocket": 2})
    assert dict(total.channels) == {"prices": 2, "prices:BTC-USD": 1}
    assert dict(total.states) == {"connecting": 0, "active": 2, "slow": 0}
    assert (total.handshake_failures, dict(total.handshake_failures_by_reason)) == (2, {"token": 2})
    assert (total.ticks_conflated, total.changes_offered) == (4, 6)
    assert total.conflation_ratio == pytest.approx(2 / 3)


async def test_presence_tells_users_by_node(nodes):
    first, second = nodes
    for hub, identity, id in ((first.hub, ANN, "a"), (second.hub, ANN, "b"), (second.hub, BOB, "c")):
        join(hub, id=id, identity=identity)
    everybody = await first.rpc.GetPresence(pb.GetPresenceRequest(), ADMIN)
    bob = await first.rpc.GetPresence(pb.GetPresenceRequest(user_ids=["bob", "eve"]), ADMIN)
    assert [(user.user_id, dict(user.nodes)) for user in everybody.users] == [
        ("ann", {"node-1": 1, "node-2": 1}),
        ("bob", {"node-2": 1}),
    ]
    assert [(node.node, node.connections) for node in everybody.nodes] == [("node-1", 1), ("node-2", 2)]
    assert [user.user_id for user in bob.users] == ["bob"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (SocketFilter(), {"a", "b", "c"}),
        (SocketFilter(user_id="ann"), {"a", "b"}),
        (SocketFilter(session_id="session-b"), {"c"}),
        (SocketFilter(socket_id="b"), {"b"}),
        (SocketFilter(channel="system"), {"a", "c"}),
        (SocketFilter(channel="system", user_id="ann"), {"a"}),
        (SocketFilter(node="node-1"), {"a"}),
        (SocketFilter(user_id="eve"), set()),
    ],
)
async def test_sockets_are_found_by_all_that_is_given(nodes, wanted, found):
    first, second = nodes
    join(first.hub, "system", id="a", identity=ANN)
    join(second.hub, id="b", identity=ANN)
    join(second.hub, "system", id="c", identity=BOB)
    answer = await first.rpc.ListSockets(pb.ListSocketsRequest(sockets=wanted), ADMIN)
    few = await first.rpc.ListSockets(pb.ListSocketsRequest(sockets=wanted, limit=1), ADMIN)
    assert {socket.socket_id for socket in answer.sockets} == found
    assert (answer.total, len(few.sockets), few.total) == (len(found), min(1, len(found)), len(found))


async def test_sockets_join_and_leave_wherever_they_are_but_only_what_they_may_have(nodes):
    first, second = nodes
    (mine, _), (stranger, outlet) = join(second.hub, id="a", identity=ANN), join(second.hub, id="b")
    request = pb.JoinSocketsRequest(sockets=SocketFilter(node="node-2"), channels=["notifications", "system"])
    joined = await first.rpc.JoinSockets(request, ADMIN)
    assert (joined.matched, list(mine.channels), list(stranger.channels)) == (
        2,
        ["notifications", "system"],
        ["system"],
    )
    second.hub.broadcast("system", "note", b"{}")
    left = await first.rpc.LeaveSockets(
        pb.LeaveSocketsRequest(sockets=SocketFilter(user_id="ann"), channels=["system"]), ADMIN
    )
    assert (left.matched, list(mine.channels), outlet.events("note")) == (1, ["notifications"], [{}])


async def test_a_socket_that_joins_what_it_has_keeps_the_pace_it_chose(nodes):
    first, second = nodes
    socket, _ = join(second.hub, id="a", identity=ANN)
    second.hub.subscribe(socket, ["prices"], 1)
    request = pb.JoinSocketsRequest(sockets=SocketFilter(user_id="ann"), channels=["prices", "prices:BTC-USD"])
    await first.rpc.JoinSockets(request, ADMIN)
    assert {name: stream.hz for name, stream in socket.channels.items()} == {"prices": 1.0, "prices:BTC-USD": 20.0}


async def test_sockets_are_disconnected_wherever_they_are(nodes):
    first, second = nodes
    (_, here), (_, there), (_, other) = (
        join(first.hub, id="a", identity=ANN),
        join(second.hub, id="b", identity=ANN),
        join(second.hub, id="c", identity=BOB),
    )
    request = pb.DisconnectSocketsRequest(sockets=SocketFilter(user_id="ann"))
    answer = await first.rpc.DisconnectSockets(request, ADMIN)
    assert (answer.matched, here.disconnected, there.disconnected, other.disconnected) == (2, True, True, False)


async def test_acknowledgements_are_collected_from_all_nodes(nodes):
    first, second = nodes
    _, asked = join(first.hub, "system", id="a", identity=ANN)
    join(second.hub, "system", id="b")
    join(second.hub, "system", id="mute")
    second.clients.mute.add("mute")
    request = pb.EmitWithAckRequest(sockets=SocketFilter(channel="system"), event="vote")
    request.data.update({"on": "lunch"})
    answer = await first.rpc.EmitWithAck(request, ADMIN)
    assert (answer.matched, asked.packets[-1].payload) == (3, '421["vote",{"on":"lunch"}]')
    assert {(one.socket_id, one.node, one.user_id, one.arguments_json) for one in answer.acknowledgements} == {
        ("a", "node-1", "ann", '["yes"]'),
        ("b", "node-2", "", '["yes"]'),
    }


async def test_an_answer_never_outgrows_what_nats_carries(nodes):
    first, second = nodes
    for number in range(40):
        join(second.hub, id=f"s{number}")[0].channels |= {f"{n}{'x' * 1000}": None for n in range(20)}
    answers = await first.cluster.ask(NodeQuestion(action=NodeQuestion.ACTION_FETCH, limit=1000), deadline=1)
    theirs = answers.given[1]
    assert theirs.truncated
    assert 0 < theirs.ByteSize() <= ROOM + 1024
    assert theirs.matched == 40


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("DisconnectSockets", pb.DisconnectSocketsRequest(), "sockets"),
        ("JoinSockets", pb.JoinSocketsRequest(channels=["system"]), "sockets"),
        ("JoinSockets", pb.JoinSocketsRequest(sockets=SocketFilter(node="n")), "channels"),
        ("LeaveSockets", pb.LeaveSocketsRequest(sockets=SocketFilter(node="n"), channels=["x"]), "channels[0]"),
        ("EmitWithAck", pb.EmitWithAckRequest(sockets=SocketFilter(node="n"), event="connect"), "event"),
        (
            "EmitWithAck",
            pb.EmitWithAckRequest(sockets=SocketFilter(node="n"), event="x", deadline_ms=-1),
            "deadline_ms",
        ),
        ("ListSockets", pb.ListSocketsRequest(limit=1001), "limit"),
        ("GetPresence", pb.GetPresenceRequest(user_ids=["x"] * 1001), "user_ids"),
    ],
)
async def test_a_wrong_request_names_the_field(nodes, method, request_, field):
    with pytest.raises(InvalidInput) as raised:
        await getattr(nodes[0].rpc, method)(request_, ADMIN)
    assert [fault.field for fault in raised.value.fields] == [field]


@pytest.mark.parametrize(("caller", "error"), [(Caller(), Unauthenticated), (Caller(user_id="ann"), PermissionDenied)])
@pytest.mark.parametrize(
    "method", ["GetPresence", "ListSockets", "JoinSockets", "LeaveSockets", "DisconnectSockets", "EmitWithAck"]
)
async def test_only_an_admin_may_look_at_sockets_or_touch_them(nodes, method, caller, error):
    with pytest.raises(error):
        await getattr(nodes[0].rpc, method)(getattr(pb, f"{method}Request")(), Context(caller))
