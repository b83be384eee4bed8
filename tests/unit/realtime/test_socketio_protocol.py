"""Socket.IO v5 as the specification has it: connect, disconnect, events, acknowledgements, attachments."""

import asyncio
import json

import pytest
import socketio

from tests.unit.realtime.protocol import conformance_suite

PLACEHOLDERS = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'


@pytest.fixture
async def suite():
    async with conformance_suite() as suite:
        yield suite


@pytest.fixture
def endpoint(suite):
    return suite.at("socket.io")


@pytest.fixture
async def connected(endpoint):
    return await endpoint.connected()


@pytest.mark.parametrize("namespace", ["", "/custom,"])
@pytest.mark.parametrize("auth", ["", '{"token":"123"}'])
async def test_a_client_connects_to_a_namespace(endpoint, namespace, auth):
    socket = await endpoint.websocket()
    await socket.next()
    await socket.send(f"40{namespace}{auth}")
    answer, event = await socket.next(), await socket.next()
    assert list(json.loads(answer.removeprefix(f"40{namespace}"))) == ["sid"]
    assert event == f'42{namespace}["auth",{auth or "{}"}]'


async def test_an_unknown_namespace_is_refused(endpoint):
    socket = await endpoint.websocket()
    await socket.next()
    await socket.send("40/random")
    assert await socket.next() == '44/random,{"message":"Invalid namespace"}'


async def test_a_session_without_a_namespace_is_ended(endpoint):
    socket = await endpoint.websocket()
    await socket.next()
    async with asyncio.timeout(3):
        assert await socket.ended() == 1000


async def test_a_client_may_leave_and_its_session_stays(connected):
    await connected.send("41", "40")
    assert (await connected.next()).startswith("40")


async def test_a_client_may_leave_one_namespace_and_stay_in_another(connected):
    await connected.send("40/custom")
    await connected.next()
    await connected.next()
    await connected.send("41/custom", '42["message","to the main namespace"]')
    assert await connected.next() == '42["message-back","to the main namespace"]'


async def test_an_event_comes_back(connected):
    await connected.send('42["message",1,"2",{"3":[true]}]')
    assert await connected.next() == '42["message-back",1,"2",{"3":[true]}]'


async def test_an_event_is_acknowledged(connected):
    await connected.send('42456["message-with-ack",1,"2",{"3":[false]}]')
    assert await connected.next() == '43456[1,"2",{"3":[false]}]'


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (f'452-["message",{PLACEHOLDERS}]', f'452-["message-back",{PLACEHOLDERS}]'),
        (f'452-789["message-with-ack",{PLACEHOLDERS}]', f"462-789[{PLACEHOLDERS}]"),
    ],
)
async def test_attachments_follow_their_event_and_its_acknowledgement(connected, sent, received):
    await connected.send(sent, b"\x01\x02\x03", b"\x04\x05\x06")
    assert [await connected.next() for _ in range(3)] == [received, b"\x01\x02\x03", b"\x04\x05\x06"]


@pytest.mark.parametrize(
    "packets",
    [
        ["4abc"],
        ["4"],
        ["42{}"],
        ["42[]"],
        ["42[1]"],
        ['42abc["message-with-ack"]'],
        ['42["connect","x"]'],
        ['42["disconnect"]'],
        ["40"],
        ['44{"message":"no"}'],
        [b"2[]"],
        ['451-["message",{"_placeholder":true,"num":0}]', '42["message"]'],
        ['4511-["message"]'],
        ['450-["message"]', b"\x01"],
    ],
)
async def test_what_is_no_packet_of_a_client_ends_the_session(connected, packets):
    await connected.send(*packets)
    assert await connected.ended() is not None


async def test_an_acknowledgement_that_nobody_asked_for_is_passed_over(connected):
    await connected.send('4377["x"]', '42["message",1]')
    assert await connected.next() == '42["message-back",1]'


async def test_events_before_a_client_leaves_are_still_handled(connected):
    await connected.send('42["message",1]', "41", '42["message",2]', "40/custom")
    assert await connected.next() == '42["message-back",1]'
    assert (await connected.next()).startswith("40/custom")


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]], ids="-".join)
async def test_the_stock_python_client_sends_and_receives_binary(suite, transports):
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(suite._url, transports=transports, namespaces=["/"])
    answer = await client.call("message-with-ack", {"data": b"\x00\xff", "list": [b"x", 1]}, timeout=5)
    await client.disconnect()
    assert answer == {"data": b"\x00\xff", "list": [b"x", 1]}
