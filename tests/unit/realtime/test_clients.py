"""Stock python-socketio clients against a node on the loopback interface."""

import asyncio
import json

import aiohttp
import pytest
import socketio
from cryptovault.events.v1.events_pb2 import RoomEvent

from services.kit.testing import free_port
from services.realtime.socketio_manager import Manager
from tests.unit.realtime.helpers import Client, Node, eventually, running, tick

TRANSPORTS = pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids="-".join)


@TRANSPORTS
async def test_a_client_gets_hello_then_a_snapshot_then_changes(node, connect, transports):
    node.hub.market.tick(tick(seq=1))
    client = await connect(transports=transports)
    answer = await client.call("subscribe", ["prices", "notifications", "nonsense"])
    snapshot = await client.next("price_update")
    node.hub.market.tick(tick(price="61300", seq=2, published_at=tick().published_at + 1))
    change = await client.next("price_update", 2)
    assert client.received[0][0] == "hello"
    assert answer["subscribed"] == ["prices"]
    assert [item["channel"] for item in answer["rejected"]] == ["notifications", "nonsense"]
    assert snapshot["prices"]["BTC-USD"]["seq"] == 1
    assert change["prices"]["BTC-USD"]["price"] == "61300"


async def test_sessions_are_counted_by_the_transport_that_they_have_now(node, connect):
    clients = [await connect(transports=["websocket"]), await connect(transports=["polling"])]
    assert node.sockets.transports == {"websocket": 1, "polling": 1}
    clients.append(await connect(transports=["polling", "websocket"]))
    await eventually(lambda: node.sockets.transports == {"websocket": 2, "polling": 1})
    for client in clients:
        await client.sio.disconnect()
    await eventually(lambda: node.sockets.transports == {"websocket": 0, "polling": 0})


async def test_hello_says_time_and_node(node, connect):
    hello = await (await connect()).next("hello")
    assert set(hello) == {"server_time", "node", "recovered"}
    assert (hello["node"], hello["recovered"]) == ("node-1", False)
    assert abs(hello["server_time"] / 1000 - node.clock.time()) < 5


async def test_a_token_at_connect_makes_the_socket_the_users(node, connect):
    client = await connect(auth={"token": "token-of-ann"})
    answer = await client.call("subscribe", ["notifications"])
    assert answer == {"subscribed": ["notifications"], "rejected": []}
    assert node.hub.registry.authenticated == 1


@TRANSPORTS
async def test_an_invalid_token_at_connect_is_refused_with_a_reason(node, transports):
    client, reasons = Client(), []
    client.sio.on("connect_error", reasons.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.sio.connect(node.url, transports=transports, auth={"token": "rubbish"}, wait_timeout=2)
    assert reasons == [{"message": "the access token is malformed"}]
    assert len(node.hub.registry) == 0


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_token_that_cannot_be_checked_yet_ends_the_transport_so_that_clients_retry(node, transport):
    async with aiohttp.ClientSession() as session:
        url = f"{node.url}/socket.io/?EIO=4&transport={transport}"
        if transport == "websocket":
            websocket = await session.ws_connect(url)
            await websocket.send_str('40{"token":"later"}')
            received = [message.data async for message in websocket]
        else:
            url += f"&sid={await _sid(session, url)}"
            await session.post(url, data='40{"token":"later"}')
            received = [await (await session.get(url)).text()]
    assert not any(packet.startswith("44") for packet in received)
    assert len(node.hub.registry) == 0


async def _sid(session: aiohttp.ClientSession, url: str) -> str:
    """Open a polling session."""
    return json.loads((await (await session.get(url)).text())[1:])["sid"]


async def test_authenticate_answers_with_the_user_or_the_error(node, connect):
    client = await connect()
    assert await client.call("authenticate", {"token": "rubbish"}) == {
        "ok": False,
        "error": "the access token is malformed",
    }
    assert await client.call("authenticate", {"token": "token-of-ann"}) == {"ok": True, "user_id": "ann"}


@pytest.mark.parametrize(
    ("event", "arguments", "named"),
    [
        ("subscribe", (), "array"),
        ("subscribe", ({"channels": []},), "array"),
        ("subscribe", (["prices", 7],), "channel 1"),
        ("subscribe", (["prices"], "more"), "options"),
        ("subscribe", (["prices"], {"hz": 2}, 3), "array"),
        ("subscribe", (["prices"], {"fps": 2}), "fps"),
        *[("subscribe", (["prices"], {"hz": hz}), "hz") for hz in (0, -1, "2", True, None, [], float("nan"))],
        ("subscribe", (["x"] * 501,), "500"),
        ("unsubscribe", (None,), "array"),
        ("authenticate", ("token",), "{token}"),
        ("authenticate", ({"token": 5},), "token"),
        ("authenticate", ({},), "token"),
        ("explode", (1, 2), "unknown event"),
    ],
)
async def test_wrong_arguments_are_answered_with_what_is_wrong(connect, event, arguments, named):
    client = await connect()
    answer = await client.call(event, *arguments)
    assert answer["ok"] is False
    assert named in answer["error"]
    assert (await client.call("subscribe", ["system"]))["subscribed"] == ["system"]


@pytest.mark.parametrize(
    ("options", "granted"),
    [
        ((), {}),
        ((None,), {}),
        (({},), {}),
        (({"hz": 2.5},), {"hz": {"prices": 2.0}}),
        (({"hz": 1e9},), {"hz": {"prices": 20.0}}),
    ],
)
async def test_the_answer_to_subscribe_says_the_pace_where_one_was_wished_for(connect, options, granted):
    answer = await (await connect()).call("subscribe", ["prices", "system"], *options)
    assert answer == {"subscribed": ["prices", "system"], "rejected": [], **granted}


async def test_after_unsubscribe_nothing_comes(node, connect):
    client = await connect()
    await client.call("subscribe", ["prices:BTC-USD"])
    assert await client.call("unsubscribe", ["prices:BTC-USD"]) == {"unsubscribed": ["prices:BTC-USD"]}
    node.hub.market.tick(tick())
    await asyncio.sleep(0.1)
    assert client.all("price_update") == []


async def test_a_broadcast_reaches_subscribers_or_everybody(node, connect):
    first, second = await connect(), await connect(transports=["polling"])
    await first.call("subscribe", ["system"])
    await node.bus.publish("cv.room.system", RoomEvent(channel="system", event="note", data_json=b'{"n":1}'))
    await node.bus.publish("cv.room.all", RoomEvent(channel="*", event="maintenance", data_json=b'{"in":5}'))
    assert await second.next("maintenance") == {"in": 5}
    assert await first.next("maintenance") == {"in": 5}
    assert (first.all("note"), second.all("note")) == ([{"n": 1}], [])


async def test_websockets_are_not_compressed(node):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{node.url}/socket.io/?EIO=4&transport=websocket", compress=15) as websocket,
    ):
        assert (await websocket.receive_str()).startswith("0{")
        assert websocket.compress == 0
        assert "Sec-WebSocket-Extensions" not in websocket._response.headers


async def test_polling_answers_are_not_compressed(node):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{node.url}/socket.io/?EIO=4&transport=polling", headers={"Accept-Encoding": "gzip"}) as answer,
    ):
        assert answer.status == 200
        assert "Content-Encoding" not in answer.headers
        assert "Server" not in answer.headers


@pytest.mark.parametrize(
    "packet", ["", "x", "abc", "4abc", "4{}", "42{}", "42[]", "42[{}]", '42["connect"]', '4599-["a"]', "b!!", "4" * 200]
)
async def test_a_malformed_packet_ends_only_its_own_connection(node, connect, packet, caplog):
    bystander = await connect()
    async with aiohttp.ClientSession() as session:
        websocket = await session.ws_connect(f"{node.url}/socket.io/?EIO=4&transport=websocket")
        await websocket.receive_str()
        await websocket.send_str("40")
        await websocket.receive_str()
        await websocket.send_str(packet)
        while (await websocket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert websocket.closed
    await eventually(lambda: len(node.hub.registry) == 1)
    assert (await bystander.call("subscribe", ["system"]))["subscribed"] == ["system"]
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_malformed_post_is_answered_with_400(node, caplog):
    async with aiohttp.ClientSession() as session:
        url = f"{node.url}/socket.io/?EIO=4&transport=polling"
        sid = await _sid(session, url)
        huge = await session.post(f"{url}&sid={sid}", data="4" * 20_000)
        malformed = await session.post(f"{url}&sid={sid}", data="abc")
    assert (malformed.status, huge.status) == (400, 413)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_client_that_does_not_read_is_cut_off(transport):
    async with running(Node(free_port(), max_buffer=100_000)) as node, aiohttp.ClientSession() as session:
        await _stuck_client(session, node, transport)
        await eventually(lambda: len(node.hub.registry) == 1)
        big = b'{"text":"' + b"x" * 50_000 + b'"}'
        for _ in range(200):
            node.hub.broadcast("*", "note", big)
            await asyncio.sleep(0)
        await eventually(lambda: len(node.hub.registry) == 0)
        assert node.hub.meter.slow_disconnects == 1


async def _stuck_client(session: aiohttp.ClientSession, node: Node, transport: str) -> None:
    """Connects and then never reads."""
    host, port = node.url.removeprefix("http://").split(":")
    if transport == "polling":
        url = f"{node.url}/socket.io/?EIO=4&transport=polling"
        sid = await _sid(session, url)
        await session.post(f"{url}&sid={sid}", data="40")
        return
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await reader.readuntil(b"}")
    writer.write(bytes([0x81, 0x82, 0, 0, 0, 0]) + b"40")
    session._stuck = (reader, writer)  # keeps the connection open


async def test_ping_and_ready_tell_the_truth(node):
    async with aiohttp.ClientSession() as session:
        assert (await session.get(f"{node.url}/ping")).status == 200
        assert (await session.get(f"{node.url}/ready")).status == 503
        node.health.mark_started()
        assert (await session.get(f"{node.url}/ready")).status == 200


async def test_a_node_that_stops_says_so_and_closes_the_transport():
    node = Node(free_port())
    client = Client()
    async with running(node):
        await client.sio.connect(node.url, transports=["websocket"])
        await client.next("hello")
    hint = await client.next("system")
    await eventually(lambda: not client.sio.connected)
    assert hint["kind"] == "reconnect"
    assert 0 <= hint["delay_ms"] <= 100
    assert len(node.hub.registry) == 0


async def test_disconnecting_leaves_nothing_behind(node, connect):
    client = await connect(auth={"token": "token-of-ann"})
    await client.call("subscribe", ["prices", "prices:BTC-USD", "notifications"])
    await client.sio.disconnect()
    await eventually(lambda: len(node.hub.registry) == 0)
    assert node.hub.registry.member_counts() == {}
    assert node.hub.registry.authenticated == 0
    assert node.hub.meter.disconnects == 1
    library = node.sockets._server
    await eventually(lambda: not library.engine.sessions)
    assert library.manager == Manager()


async def test_a_client_whose_buffer_is_full_is_held_until_it_reads():
    async with running(Node(free_port(), max_buffer=1 << 26)) as node, aiohttp.ClientSession() as session:
        websocket = await session.ws_connect(f"{node.url}/socket.io/?EIO=4&transport=websocket")
        await websocket.send_str("40")
        await eventually(lambda: len(node.hub.registry) == 1)
        while not node.hub.meter.slow_conflated:
            node.hub.broadcast("*", "note", b'{"text":"' + b"x" * 50_000 + b'"}')
        (lag,) = node.hub._laggards._lags.values()
        async with asyncio.timeout(5):
            while lag.held_since is not None:
                await websocket.receive()
        assert node.hub.meter.slow_disconnects == 0
