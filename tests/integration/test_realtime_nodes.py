"""Several realtime nodes as one, over a real NATS server."""

import asyncio

import nats
import nats.errors
import pytest
from cryptovault.events.v1.events_pb2 import AuthRevoked
from cryptovault.realtime.v1 import realtime_service_pb2 as pb
from cryptovault.realtime.v1.cluster_pb2 import SocketFilter

from tests.integration.realtime_node import ADMIN, Node, client, publisher, running, until
from tests.unit.realtime.helpers import eventually


async def listeners(nats_url: str, subject: str) -> bool:
    """Whether anybody has subscribed to the subject: the server says at once when nobody has."""
    connection = await nats.connect(nats_url)
    try:
        await connection.request(subject, b"", timeout=0.2)
    except nats.errors.NoRespondersError:
        return False
    except nats.errors.TimeoutError:
        return True
    finally:
        await connection.close()
    return True


async def test_a_node_hears_the_rooms_of_its_members_and_no_other(nats_url):
    async with running(nats_url) as node:
        before = await listeners(nats_url, "cv.room.prices:BTC-USD")
        async with client(node, "prices:BTC-USD"):
            assert await listeners(nats_url, "cv.room.prices:BTC-USD")
        assert not await listeners(nats_url, "cv.room.candles:BTC-USD:1m")
    assert not before


@pytest.mark.parametrize("channel", ["system", "prices", "candles:BTC-USD:1s"])
async def test_a_broadcast_through_any_node_right_after_the_acknowledgement_arrives(nats_url, channel):
    request = pb.BroadcastToChannelRequest(channel=channel, event="note")
    request.data.update({"text": "é"})
    async with (
        running(nats_url, "node-1") as first,
        running(nats_url, "node-2") as second,
        client(second, channel) as member,
        client(first) as other,
    ):
        await first.rpc.BroadcastToChannel(request, metadata=ADMIN)
        assert await member.next("note") == {"text": "é"}
        assert other.all("note") == []


async def test_presence_knows_who_is_online_on_which_node_until_they_leave(nats_url):
    async with running(nats_url, "node-1") as first, running(nats_url, "node-2") as second:
        async with client(first, user="ann"), client(second, user="ann"), client(second, user="bob"):
            both = await first.rpc.GetPresence(pb.GetPresenceRequest(), metadata=ADMIN)
            same = await second.rpc.GetPresence(pb.GetPresenceRequest(), metadata=ADMIN)
        await until(lambda: nobody_is_online(first))
    assert [(user.user_id, dict(user.nodes)) for user in both.users] == [
        ("ann", {"node-1": 1, "node-2": 1}),
        ("bob", {"node-2": 1}),
    ]
    assert both.users == same.users
    assert list(both.missing_nodes) == list(same.missing_nodes) == []


async def nobody_is_online(node: Node) -> bool:
    return not (await node.rpc.GetPresence(pb.GetPresenceRequest(), metadata=ADMIN)).users


async def test_sockets_join_leave_and_are_disconnected_across_nodes(nats_url):
    async with (
        running(nats_url, "node-1") as first,
        running(nats_url, "node-2") as second,
        client(second, user="ann") as ann,
        client(second, user="bob") as bob,
    ):
        mine = SocketFilter(user_id="ann")
        await first.rpc.JoinSockets(pb.JoinSocketsRequest(sockets=mine, channels=["system"]), metadata=ADMIN)
        note = pb.BroadcastToChannelRequest(channel="system", event="note")
        await first.rpc.BroadcastToChannel(note, metadata=ADMIN)
        assert await ann.next("note") == {}
        listed = await first.rpc.ListSockets(pb.ListSocketsRequest(), metadata=ADMIN)
        await first.rpc.LeaveSockets(pb.LeaveSocketsRequest(sockets=mine, channels=["system"]), metadata=ADMIN)
        ended = await first.rpc.DisconnectSockets(pb.DisconnectSocketsRequest(sockets=mine), metadata=ADMIN)
        await eventually(lambda: not ann.sio.connected)
        assert {(socket.user_id, socket.node, *socket.channels) for socket in listed.sockets} == {
            ("ann", "node-2", "system"),
            ("bob", "node-2"),
        }
        assert (ended.matched, bob.sio.connected, bob.all("note")) == (1, True, [])


async def never(data: object) -> None:
    await asyncio.Event().wait()


async def test_acknowledgements_of_stock_clients_come_from_all_nodes_until_the_deadline(nats_url):
    async with (
        running(nats_url, "node-1") as first,
        running(nats_url, "node-2") as second,
        client(first, "system", user="ann") as ann,
        client(second, "system", user="bob") as bob,
        client(second, "system", user="mute") as mute,
    ):
        ann.sio.on("vote", lambda data: ("yes", data["on"]))
        bob.sio.on("vote", lambda data: {"answer": "no"})
        mute.sio.on("vote", never)
        request = pb.EmitWithAckRequest(sockets=SocketFilter(channel="system"), event="vote", deadline_ms=500)
        request.data.update({"on": "lunch"})
        answer = await first.rpc.EmitWithAck(request, metadata=ADMIN)
    assert (answer.matched, list(answer.missing_nodes)) == (3, [])
    assert {one.user_id: one.arguments_json for one in answer.acknowledgements} == {
        "ann": '["yes","lunch"]',
        "bob": '[{"answer":"no"}]',
    }


async def test_a_revoked_sessions_sockets_are_gone_from_every_node_within_a_second(nats_url):
    async with (
        running(nats_url, "node-1") as first,
        running(nats_url, "node-2") as second,
        publisher(nats_url) as bus,
        client(first, user="ann", session="bad") as here,
        client(second, user="ann", session="bad") as there,
        client(second, user="ann", session="good") as stays,
    ):
        await bus.publish("cv.auth.revoked", AuthRevoked(user_id="ann", session_id="bad", reason="logout"))
        async with asyncio.timeout(1):
            while here.sio.connected or there.sio.connected:
                await asyncio.sleep(0.01)
        assert stays.sio.connected
