"""The limits of clients, over both transports, and how refusals are counted."""

import asyncio
import json

import aiohttp
import pytest
import socketio

from services.kit.testing import free_port
from services.realtime.domain.registry import Socket
from tests.unit.realtime.helpers import Client, FakeOutlet, Node, eventually, running

BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])


class Raw:
    """One connection of bare packets."""

    def __init__(self, http: aiohttp.ClientSession, node: Node, transport: str) -> None:
        self._http = http
        self._url = f"{node.url}/socket.io/?EIO=4&transport={transport}"
        self._polls = transport == "polling"
        self._websocket: aiohttp.ClientWebSocketResponse | None = None

    async def open(self, **headers: str) -> int:
        """Status of the handshake."""
        if not self._polls:
            try:
                self._websocket = await self._http.ws_connect(self._url, headers=headers)
            except aiohttp.WSServerHandshakeError as refusal:
                return refusal.status
            return 200
        answer = await self._http.get(self._url, headers=headers)
        if answer.status == 200:
            self._url += f"&sid={json.loads((await answer.text())[1:])['sid']}"
        return answer.status

    async def send(self, packet: str) -> int:
        """Status of the POST; 200 on a WebSocket."""
        if self._websocket is None:
            return (await self._http.post(self._url, data=packet)).status
        await self._websocket.send_str(packet)
        return 200

    async def ping(self) -> None:
        """By the WebSocket's own means."""
        await self._websocket.ping()

    async def close(self) -> None:
        if self._websocket is None:
            await self.send("1")
        else:
            await self._websocket.close()

    async def ended(self) -> int:
        """Wait for the end; the close code, or the status of a poll."""
        async with asyncio.timeout(5):
            if self._websocket is not None:
                while (await self._websocket.receive()).type is not aiohttp.WSMsgType.CLOSE:
                    pass
                return self._websocket.close_code or 0
            while (answer := await self._http.get(self._url)).status == 200:
                pass
            return answer.status


@BOTH
async def test_a_connection_beyond_the_limit_of_its_address_is_refused_until_another_ends(transport):
    async with running(Node(free_port(), per_address=1, trusted_hops=1)) as node, aiohttp.ClientSession() as http:
        first, second, other = (Raw(http, node, transport) for _ in range(3))
        assert await first.open(**{"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}) == 200
        assert await second.open(**{"X-Forwarded-For": "203.0.113.7"}) == 429
        assert await other.open(**{"X-Forwarded-For": "203.0.113.8"}) == 200
        await first.close()
        await eventually(lambda: node.clients.admits("203.0.113.7"))
        assert await second.open(**{"X-Forwarded-For": "203.0.113.7"}) == 200
        assert node.hub.meter.refusals == {"address_limit": 1}


@BOTH
async def test_a_connection_beyond_the_limit_of_its_user_is_refused_until_another_ends(transport):
    async with running(Node(free_port(), per_user=1)) as node:
        first, second, other = Client(), Client(), Client()
        options = {"auth": {"token": "token-of-ann"}, "transports": [transport]}
        await first.sio.connect(node.url, **options)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await second.sio.connect(node.url, **options)
        await other.sio.connect(node.url, transports=[transport])
        answer = await other.call("authenticate", {"token": "token-of-ann"})
        await first.sio.disconnect()
        await eventually(lambda: not node.hub.registry.of_user("ann"))
        again = await other.call("authenticate", {"token": "token-of-ann"})
        renewed = await other.call("authenticate", {"token": "token-of-ann"})
        await other.sio.disconnect()
    assert answer == {"ok": False, "error": "too many connections of this user"}
    assert again == renewed == {"ok": True, "user_id": "ann"}
    assert node.hub.meter.refusals == {"user_limit": 1}


@BOTH
async def test_a_socket_has_so_many_channels_and_no_more(node, transport):
    client = Client()
    await client.sio.connect(node.url, transports=[transport])
    names = [f"prices:S{number}-USD" for number in range(51)]
    answer = await client.call("subscribe", names)
    await client.call("unsubscribe", names[:1])
    again = await client.call("subscribe", names[50:])
    await client.sio.disconnect()
    assert answer["subscribed"] == names[:50]
    assert answer["rejected"] == [{"channel": names[50], "reason": "a socket has at most 50 subscriptions"}]
    assert again == {"subscribed": names[50:], "rejected": []}


@BOTH
async def test_a_client_that_sends_too_much_is_cut_off(transport):
    async with running(Node(free_port(), messages_per_second=10)) as node, aiohttp.ClientSession() as http:
        raw = Raw(http, node, transport)
        await raw.open()
        await raw.send("40")
        statuses = [await raw.send('42["subscribe",[]]') for _ in range(60)]  # more than are allowed in three seconds
        await raw.ended()
        await eventually(lambda: node.hub.meter.fast_disconnects == 1)
        assert statuses[:29] == [200] * 29


async def test_pings_of_the_websocket_count_as_messages():
    async with running(Node(free_port(), messages_per_second=10)) as node, aiohttp.ClientSession() as http:
        raw = Raw(http, node, "websocket")
        await raw.open()
        for _ in range(40):
            await raw.ping()
        await raw.ended()
        await eventually(lambda: node.hub.meter.fast_disconnects == 1)


@BOTH
async def test_a_client_may_send_a_burst_and_then_its_rate(transport):
    async with running(Node(free_port(), messages_per_second=50)) as node:
        client = Client()
        await client.sio.connect(node.url, transports=[transport])
        answers = [await client.call("unsubscribe", []) for _ in range(60)]
        await client.sio.disconnect()
    assert answers == [{"unsubscribed": []}] * 60
    assert node.hub.meter.fast_disconnects == 0


async def test_a_message_that_is_too_large_ends_the_websocket_with_1009(node):
    async with aiohttp.ClientSession() as http:
        raw = Raw(http, node, "websocket")
        await raw.open()
        await raw.send("4" * 20_000)
        assert await raw.ended() == 1009


async def test_a_message_that_is_too_large_is_answered_with_413_on_polling(node):
    async with aiohttp.ClientSession() as http:
        raw = Raw(http, node, "polling")
        await raw.open()
        assert await raw.send("4" * 20_000) == 413


@BOTH
@pytest.mark.parametrize(("origin", "status"), [("https://app.example", 200), ("https://evil.example", 400)])
async def test_only_listed_origins_may_connect_when_there_is_a_list(transport, origin, status):
    options = {"allowed_origins": ("https://app.example",)}
    async with running(Node(free_port(), **options)) as node, aiohttp.ClientSession() as http:
        assert await Raw(http, node, transport).open(Origin=origin) == status
        assert node.hub.meter.refusals == ({} if status == 200 else {"Forbidden origin": 1})


async def test_only_listed_origins_are_named_in_cors_headers():
    async with running(Node(free_port(), allowed_origins=("https://app.example",))) as node:
        for origin, allowed in (("https://app.example", True), ("https://evil.example", False)):
            async with aiohttp.ClientSession(headers={"Origin": origin}) as http:
                answer = await http.get(f"{node.url}/socket.io/?EIO=4&transport=polling")
                assert ("Access-Control-Allow-Origin" in answer.headers) is allowed


@BOTH
async def test_a_storm_of_newcomers_is_let_in_one_after_another(transport):
    async with running(Node(free_port(), handshakes_per_second=20)) as node, aiohttp.ClientSession() as http:
        start = asyncio.get_running_loop().time()
        statuses = await asyncio.gather(*(Raw(http, node, transport).open() for _ in range(8)))
        assert statuses == [200] * 8
        assert asyncio.get_running_loop().time() - start >= 0.34


@BOTH
async def test_whoever_would_wait_too_long_is_asked_to_come_again_later(transport):
    async with running(Node(free_port(), handshakes_per_second=0.1)) as node, aiohttp.ClientSession() as http:
        assert await Raw(http, node, transport).open() == 200
        assert await Raw(http, node, transport).open() == 503
        assert node.hub.meter.refusals == {"storm": 1}


@BOTH
async def test_a_node_that_stops_takes_no_newcomers(transport):
    async with running(Node(free_port(), drain_spread=20)) as node, aiohttp.ClientSession() as http:
        client = Client()
        await client.sio.connect(node.url, transports=["websocket"])
        draining = asyncio.create_task(node.server.drain(60))
        await eventually(lambda: node.server._draining)
        assert await Raw(http, node, transport).open() == 503
        assert node.hub.meter.refusals == {"draining": 1}
        await draining
    assert not client.sio.connected


class Leaving(FakeOutlet):
    """Notes in a list that all share what becomes of it."""

    def __init__(self, notes):
        super().__init__()
        self.notes = notes

    def send(self, packet, taken=0):
        self.notes.append(packet.event)

    def close(self):
        self.notes.append("closed")


async def test_a_node_that_stops_sends_its_clients_away_slice_by_slice():
    node, notes = Node(free_port()), []
    for number in range(3):
        node.hub.connect(Socket(f"s{number}", Leaving(notes)), None)
    await node.server.start()
    await node.server.drain(1)
    assert notes == ["system", "closed"] * 3


@pytest.mark.parametrize(
    ("auth", "reason"),
    [({"token": "rubbish"}, "token"), ({"token": 5}, "malformed"), ({"token": "later"}, "unavailable")],
)
async def test_refusals_are_counted_by_reason(node, auth, reason):
    with pytest.raises(socketio.exceptions.ConnectionError):
        await Client().sio.connect(node.url, auth=auth, transports=["websocket"], wait_timeout=5)
    assert node.hub.meter.refusals == {reason: 1}


async def test_a_handshake_that_breaks_the_protocol_is_counted_in_the_protocols_words(node):
    async with aiohttp.ClientSession() as http:
        await http.get(f"{node.url}/socket.io/?EIO=3&transport=polling")
    assert node.hub.meter.refusals == {"Unsupported protocol version": 1}
