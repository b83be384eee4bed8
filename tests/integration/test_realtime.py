"""The realtime service, whole, against a real NATS server and with stock clients in Python and JavaScript."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import socketio
from cryptovault.events.v1.events_pb2 import AuthRevoked, Tick
from cryptovault.realtime.v1 import realtime_service_pb2 as pb

from services.kit.caller import Caller
from services.kit.testing import free_port
from tests.integration.realtime_node import (
    ADMIN,
    PATIENCE,
    NatsServer,
    client,
    price,
    publisher,
    refusal,
    running,
    to_user,
    token,
)
from tests.unit.realtime.helpers import Client

SCRIPTS = Path(__file__).parent / "socketio_client"


@pytest.fixture
def private_nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server of the test's own, running."""
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.stop()


async def test_prices_begin_with_what_is_known_and_go_on_with_ticks(nats_url):
    async with running(nats_url) as node, client(node, "prices") as ann, publisher(nats_url) as bus:
        snapshot = await ann.next("price_update")
        await bus.publish("cv.tick.BTC-USD", Tick(price=price("61234.50", 2)))
        change = await ann.next("price_update", 2)
    assert snapshot["prices"]["BTC-USD"]["price"] == "60000.00"
    assert change["prices"]["BTC-USD"]["price"] == "61234.50"
    assert change["published_at"] <= change["sent_at"] < change["published_at"] + 5000


async def test_a_client_is_sent_no_more_updates_than_it_wished_for_and_the_last_price(nats_url):
    async with running(nats_url) as node, client(node) as calm, publisher(nats_url) as bus:
        answer = await calm.call("subscribe", ["prices:BTC-USD"], {"hz": 1})
        async with asyncio.timeout(PATIENCE):
            for seq in range(2, 30):
                await bus.publish("cv.tick.BTC-USD", Tick(price=price(f"{seq}.00", seq)))
                await asyncio.sleep(0.02)
            while calm.all("price_update")[-1]["prices"]["BTC-USD"]["price"] != "29.00":
                await asyncio.sleep(0.01)
    assert answer["hz"] == {"prices:BTC-USD": 1}
    assert len(calm.all("price_update")) <= 6


async def test_a_users_event_reaches_the_user_on_every_node_once_and_is_kept(nats_url):
    async with running(nats_url, "node-1") as first, running(nats_url, "node-2") as second:
        async with client(first, "notifications", user="ann") as here, client(second, user="ann") as there:
            answer = await first.rpc.BroadcastToUser(to_user("ann", 1), metadata=ADMIN)
            notification = await here.next("notification")
            assert await there.next("order_filled") == await here.next("order_filled") == {"n": 1}
            await asyncio.sleep(0.3)
            assert len(here.received) - len(here.all("hello")) - len(here.all("offset")) == 2
        kept = await second.rpc.ListNotifications(
            pb.ListNotificationsRequest(after=answer.id - 1), metadata=Caller(user_id="ann").to_metadata()
        )
    assert (notification["id"], notification["kind"], notification["data"]) == (answer.id, "order_filled", {"n": 1})
    assert [(item.id, item.kind, dict(item.data)) for item in kept.notifications] == [
        (answer.id, "order_filled", {"n": 1})
    ]


async def test_notifications_are_listed_in_order_after_a_point_and_to_a_limit(nats_url):
    mine = Caller(user_id="lister").to_metadata()
    async with running(nats_url) as node:
        ids = [(await node.rpc.BroadcastToUser(to_user("lister", n), metadata=ADMIN)).id for n in range(5)]
        await node.rpc.BroadcastToUser(to_user("stranger", 9), metadata=ADMIN)
        everything = await node.rpc.ListNotifications(pb.ListNotificationsRequest(), metadata=mine)
        some = await node.rpc.ListNotifications(pb.ListNotificationsRequest(after=ids[1], limit=2), metadata=mine)
        none = await node.rpc.ListNotifications(pb.ListNotificationsRequest(after=2**64 - 1), metadata=mine)
    assert [item.id for item in everything.notifications] == ids
    assert [item.id for item in some.notifications] == ids[2:4]
    assert list(none.notifications) == []


async def test_broadcasts_cross_nodes(nats_url):
    note = pb.BroadcastToChannelRequest(channel="system", event="note")
    async with (
        running(nats_url, "node-1") as first,
        running(nats_url, "node-2") as second,
        client(second, "system") as member,
        client(second) as other,
    ):
        await first.rpc.BroadcastToChannel(note, metadata=ADMIN)
        await first.rpc.BroadcastToAll(pb.BroadcastToAllRequest(event="system_maintenance"), metadata=ADMIN)
        assert await other.next("system_maintenance") == await member.next("system_maintenance") == {}
        assert (member.all("note"), other.all("note")) == ([{}], [])


async def test_a_revoked_sessions_sockets_are_gone_within_a_second(nats_url):
    async with (
        running(nats_url) as node,
        publisher(nats_url) as bus,
        client(node, user="bob", session="bad") as gone,
        client(node, user="bob", session="good") as stays,
    ):
        await bus.publish("cv.auth.revoked", AuthRevoked(user_id="bob", session_id="bad", reason="logout"))
        async with asyncio.timeout(1):
            while gone.sio.connected:
                await asyncio.sleep(0.01)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await Client().sio.connect(node.url, auth={"token": token("bob", "bad")}, transports=["websocket"])
        assert gone.all("session_ended") == [{"reason": "revoked", "channels": []}]
        assert stays.sio.connected


async def test_statistics_cover_all_nodes(nats_url):
    async with running(nats_url, "node-1") as first, running(nats_url, "node-2") as second, client(second, "prices"):
        async with asyncio.timeout(PATIENCE):
            while (stats := await first.rpc.GetStats(pb.GetStatsRequest())).total.connections != 1:
                await asyncio.sleep(0.1)
    assert [node.node for node in stats.nodes] == ["node-1", "node-2"]
    assert (stats.total.channels["prices"], stats.total.transports["websocket"]) == (1, 1)


async def test_an_outage_of_nats_costs_no_socket_and_no_user_event(private_nats):
    async with running(private_nats.url) as node, client(node, "prices", user="ann") as ann:
        await ann.next("price_update")
        private_nats.stop()
        refused = await refusal(node.rpc.BroadcastToUser(to_user("ann", 0), metadata=ADMIN))
        private_nats.start()
        async with asyncio.timeout(PATIENCE):
            while await refusal(node.rpc.BroadcastToUser(to_user("ann", 1), metadata=ADMIN)) is not None:
                await asyncio.sleep(0.1)
        async with publisher(private_nats.url) as bus:
            await bus.publish("cv.tick.BTC-USD", Tick(price=price("7", 99)))
            while ann.all("price_update")[-1]["prices"]["BTC-USD"]["price"] != "7":
                await asyncio.sleep(0.01)
        assert await ann.next("order_filled") == {"n": 1}
        assert refused is grpc.StatusCode.UNAVAILABLE
        assert len(ann.all("hello")) == 1


async def test_a_node_starts_without_nats_and_becomes_whole_when_it_comes(private_nats):
    private_nats.stop()
    asyncio.get_running_loop().call_later(1.0, private_nats.start)
    async with running(private_nats.url) as node, client(node, "prices") as ann:
        snapshot = await ann.next("price_update")
    assert snapshot["prices"]["BTC-USD"]["price"] == "60000.00"


async def test_the_stock_javascript_client_upgrades_and_comes_back_after_a_restart(nats_url):
    port = free_port()
    async with javascript(f"http://127.0.0.1:{port}", token("ann")) as line:
        async with running(nats_url, port=port) as node:
            subscribed = (await line("subscribed"))[1]
            update = (await line("price_update"))[1][0]
            assert (await line("upgrade"))[1] == "websocket"
            await node.rpc.BroadcastToUser(to_user("ann", 3), metadata=ADMIN)
            notification = (await line("notification"))[1][0]
        assert (await line("disconnect"))[1] == "transport close"
        async with running(nats_url, port=port):
            again = (await line("subscribed"))[1]
    assert subscribed == again == {"subscribed": ["prices", "notifications"], "rejected": []}
    assert update["prices"]["BTC-USD"]["price"] == "60000.00"
    assert (notification["kind"], notification["data"]) == ("order_filled", {"n": 3})


@pytest.mark.parametrize("started", ["before", "after"])
async def test_the_stock_javascript_client_carries_on_at_another_node_and_misses_nothing(nats_url, started):
    """A node that was there remembers what was missed; one that was not reads it from the stream."""
    async with AsyncExitStack() as nodes:
        first = await nodes.enter_async_context(running(nats_url, "node-1"))
        second = await nodes.enter_async_context(running(nats_url, "node-2")) if started == "before" else None
        async with javascript(first.url, token("ann"), "recovery.mjs") as line:
            await line("subscribed")
            await first.rpc.BroadcastToUser(to_user("ann", 1), metadata=ADMIN)
            assert (await line("order_filled"))[1] == [{"n": 1}]
            await line.tell("leave")
            await line("disconnect")
            for number in (2, 3):
                await first.rpc.BroadcastToUser(to_user("ann", number), metadata=ADMIN)
            second = second or await nodes.enter_async_context(running(nats_url, "node-2"))
            await line.tell(f"come {second.url}")
            await second.rpc.BroadcastToUser(to_user("ann", 4), metadata=ADMIN)
            seen = [(await line("order_filled"))[1] for _ in range(3)]
            assert [await line("hello"), await line("hello")][1][1][0]["recovered"] is True
            assert [(await line("connect"))[1] for _ in range(2)] == [False, True]
            assert (await line("price_update"))[1][0]["prices"]["BTC-USD"]["price"] == "60000.00"
            await second.rpc.BroadcastToUser(pb.BroadcastToUserRequest(user_id="ann", event="end"), metadata=ADMIN)
            await line("end")
    assert seen == [[{"n": 2}], [{"n": 3}], [{"n": 4}]]
    assert not [item for item in line.unread if item[0] == "order_filled"]
    assert len([item for item in line.unread if item[0] == "notification"]) == 4


class Lines:
    """What a JavaScript client prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.unread: list[Any] = []

    async def __call__(self, kind: str) -> Any:
        """The next line of a kind."""
        async with asyncio.timeout(PATIENCE):
            while not (found := [item for item in self.unread if item[0] == kind]):
                self.unread.append(json.loads(await self._process.stdout.readline()))
        self.unread.remove(found[0])
        return found[0]

    async def tell(self, command: str) -> None:
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()


@asynccontextmanager
async def javascript(url: str, credentials: str, script: str = "contract.mjs") -> AsyncIterator[Lines]:
    """A stock JavaScript client."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "node", str(SCRIPTS / script), url, credentials, stdin=pipe, stdout=pipe
    )
    yield Lines(process)
    process.stdin.close()
    await process.wait()
