"""Clients that come back: to the node that remembers, to one that does not, and with nonsense."""

import asyncio
import json

import aiohttp
import pytest
import socketio

from services.realtime.domain.payloads import UserEvent
from services.realtime.domain.recovery import Offset, RecentEvents, decode, encode
from tests.unit.realtime.helpers import NOW, Client, eventually, tick

TOKEN = "token-of-ann"


def event(id, user="ann"):
    return UserEvent(id, user, "note", b'{"n":%d}' % id, NOW)


class Visitor:
    """What a stock client that can recover does, packet by packet."""

    def __init__(self, node):
        self._url = f"{node.url}/socket.io/?EIO=4&transport=websocket"
        self.pid = self.offset = None

    async def visit(self, session, **auth):
        """Connect; returns the answer to CONNECT and the data of hello."""
        self._socket = await session.ws_connect(self._url)
        if self.pid:
            auth |= {"pid": self.pid, "offset": self.offset}
        await self._socket.receive_str()
        await self._socket.send_str("40" + json.dumps(auth))
        answer = json.loads((await self._socket.receive_str())[2:])
        self.pid = answer["pid"]
        return answer, await self.next("hello")

    async def leave(self):
        await self._socket.close()

    async def subscribe(self, *channels, **options):
        await self._socket.send_str("421" + json.dumps(["subscribe", channels, options]))
        while not (await self._receive()).startswith("431"):
            pass

    async def next(self, name):
        while True:
            packet = await self._receive()
            if packet.startswith("42") and json.loads(packet[2:])[0] == name:
                return json.loads(packet[2:])[1]

    async def until_marked(self):
        """The data of user events up to the next offset."""
        found = []
        while True:
            packet = await self._receive()
            name, data = json.loads(packet[2:])
            if name == "offset":
                return found
            found.append(data)

    async def _receive(self):
        packet = await self._socket.receive_str(timeout=5)
        if packet.startswith('42["offset"'):
            self.offset = json.loads(packet[2:])[1]
        return packet


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def visitor(node):
    node.hub.recent.begin(10)
    return Visitor(node)


async def test_who_comes_back_gets_what_was_missed_once_and_in_order(node, visitor, session):
    first, hello = await visitor.visit(session, token=TOKEN)
    node.hub.deliver(event(11))
    await visitor.next("note")
    await visitor.until_marked()
    await visitor.leave()
    for id in (12, 13):
        node.hub.deliver(event(id))
        node.hub.deliver(event(id + 100, user="bob")) if id == 13 else None
    again, greeting = await visitor.visit(session, token=TOKEN)
    assert (hello["recovered"], greeting["recovered"]) == (False, True)
    assert (first["pid"] == again["pid"], first["sid"] == again["sid"]) == (True, False)
    assert await visitor.until_marked() == [{"n": 12}, {"n": 13}]
    assert node.hub.meter.recoveries == 1
    assert node.history.reads == 0


async def test_channels_come_back_without_subscribing_again(node, visitor, session):
    await visitor.visit(session)
    await visitor.subscribe("prices", "system")
    await visitor.leave()
    await eventually(lambda: len(node.hub.registry) == 0)
    node.hub.market.tick(tick())
    _, hello = await visitor.visit(session)
    assert hello["recovered"]
    assert "BTC-USD" in (await visitor.next("price_update"))["prices"]
    assert node.hub.registry.member_counts() == {"prices": 1, "system": 1}


async def test_what_the_node_does_not_remember_is_read_from_the_stream(node, visitor, session):
    await visitor.visit(session, token=TOKEN)
    await visitor.until_marked()
    await visitor.leave()
    node.hub.recent.begin(5)  # another node, which began to listen later
    for id in (11, 12):
        node.history.keep(id)
    node.hub.recent._complete_after, node.hub.recent.last = 12, 12
    _, hello = await visitor.visit(session, token=TOKEN)
    assert hello["recovered"]
    assert await visitor.until_marked() == [{"n": 11}, {"n": 12}]
    node.hub.deliver(event(12))
    node.hub.deliver(event(13))
    assert await visitor.until_marked() == [{"n": 13}]


@pytest.mark.parametrize(
    ("pid", "offset", "token"),
    [
        ("p", '["bob",10,[]]', TOKEN),  # another user's
        ("p", '["ann",10,[]]', None),  # a user's, without the token
        ("p", '["ann",99,[]]', TOKEN),  # of a stream that is no more
        ("p", "rubbish", TOKEN),
        ("p", '{"after":1}', TOKEN),
        ("p", 7, TOKEN),
        ("p" * 65, '["ann",10,[]]', TOKEN),
        (7, '["ann",10,[]]', TOKEN),
    ],
)
async def test_an_offset_that_does_not_fit_begins_anew(node, visitor, session, pid, offset, token):
    visitor.pid, visitor.offset = pid, offset
    answer, hello = await visitor.visit(session, **({"token": token} if token else {}))
    assert answer["pid"] != pid
    assert not hello["recovered"]


async def test_a_node_that_is_a_moment_behind_the_one_before_waits_and_sends_nothing_twice(node, visitor, session):
    visitor.pid, visitor.offset = "p", '["ann",11,[]]'
    asyncio.get_running_loop().call_later(0.1, node.hub.deliver, event(11))
    _, hello = await visitor.visit(session, token=TOKEN)
    assert hello["recovered"]
    assert await visitor.until_marked() == []
    node.hub.deliver(event(12))
    assert await visitor.until_marked() == [{"n": 12}]


async def test_a_session_that_ends_while_its_client_comes_back_does_not_get_in(node, visitor):
    node.history.on_read = lambda: node.verifier.revoked.add("ann")
    auth = {"token": TOKEN, "pid": "p", "offset": '["ann",9,[]]'}
    with pytest.raises(socketio.exceptions.ConnectionError):
        await Client().sio.connect(node.url, auth=auth, transports=["websocket"], wait_timeout=5)
    assert node.hub.meter.refusals == {"token": 1}
    assert len(node.hub.registry) == 0


@pytest.mark.parametrize(("count", "size"), [(201, 1), (5, 60_000)])
async def test_who_has_missed_too_much_begins_anew(node, visitor, session, count, size):
    for id in range(11, 11 + count):
        node.hub.deliver(UserEvent(id, "ann", "note", b'{"text":"%s"}' % (b"x" * size), NOW))
    visitor.pid, visitor.offset = "p", '["ann",10,[]]'
    _, hello = await visitor.visit(session, token=TOKEN)
    assert not hello["recovered"]


async def test_channels_are_granted_anew(node, visitor, session):
    visitor.pid, visitor.offset = "p", '["",10,["notifications","system","nonsense"]]'
    _, hello = await visitor.visit(session)
    assert hello["recovered"]
    assert node.hub.registry.member_counts() == {"system": 1}


async def test_a_pace_comes_back_too(node, visitor, session):
    await visitor.visit(session)
    await visitor.subscribe("prices", hz=2)
    await visitor.subscribe("prices:BTC-USD")
    await visitor.leave()
    await eventually(lambda: len(node.hub.registry) == 0)
    await visitor.visit(session)
    (socket,) = node.hub.registry.all()
    assert {name: stream.hz for name, stream in socket.channels.items()} == {"prices": 2.0, "prices:BTC-USD": 50.0}


def test_an_offset_survives_the_journey():
    offset = Offset("ann", 4711, ["prices", "candles:BTC-USD:1m"], {"prices": 0.5})
    assert decode(encode(offset)) == offset


def test_an_offset_without_paces_is_valid():
    assert decode('["ann",7,["prices"]]') == Offset("ann", 7, ["prices"])


def test_events_are_remembered_up_to_a_number_and_then_said_to_be_forgotten():
    recent = RecentEvents(capacity=3)
    recent.begin(10)
    for id in range(11, 16):
        recent.add(event(id, user="ann" if id % 2 else "bob"))
    assert recent.since("ann", 11) is None
    assert [item.id for item in recent.since("ann", 12)] == [13, 15]
    assert recent.since("carol", 12) == []


def test_events_are_remembered_up_to_so_many_bytes_and_then_said_to_be_forgotten():
    recent = RecentEvents(memory=3 * len(event(10).data))
    recent.begin(10)
    for id in range(11, 16):
        recent.add(event(id))
    assert recent.since("ann", 11) is None
    assert [item.id for item in recent.since("ann", 12)] == [13, 14, 15]


def test_an_event_larger_than_the_memory_is_not_remembered_and_later_ones_are():
    recent = RecentEvents(memory=100)
    recent.begin(10)
    recent.add(UserEvent(11, "ann", "note", b"{}" * 51, NOW))
    recent.add(event(12))
    assert recent.since("ann", 10) is None
    assert [item.id for item in recent.since("ann", 11)] == [12]


def test_before_the_stream_is_known_nothing_is_said_to_be_complete():
    assert RecentEvents().since("ann", 0) is None


def test_a_stream_that_begins_anew_empties_the_memory():
    recent = RecentEvents(memory=len(event(11).data))
    recent.begin(10)
    recent.add(event(11))
    recent.begin(2)
    assert (recent.since("ann", 1), recent.since("ann", 2), recent.last) == (None, [], 2)
    recent.add(event(3))
    assert recent.since("ann", 2) == [event(3)]
