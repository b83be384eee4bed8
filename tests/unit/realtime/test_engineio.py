"""Engine.IO v4 as the specification has it: handshake, messages, heartbeat, close, upgrade."""

import asyncio
import json

import aiohttp
import pytest

from tests.unit.realtime.protocol import conformance_suite

HANDSHAKE = {"pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": 1_000_000}
BOTH_PATHS = pytest.mark.parametrize("path", ["engine.io", "socket.io"])


@pytest.fixture
async def suite():
    async with conformance_suite() as suite:
        yield suite


@pytest.fixture
async def restless():
    """Applications whose pings come every 300 ms and wait longer for an answer than a busy machine takes for one."""
    async with conformance_suite(ping_interval=0.3, ping_timeout=3.0) as suite:
        yield suite


@pytest.fixture
async def impatient():
    """Applications whose pings come every 300 ms and wait 200 ms for an answer."""
    async with conformance_suite(ping_interval=0.3, ping_timeout=0.2) as suite:
        yield suite


@pytest.fixture
def engine(suite):
    return suite.at("engine.io")


@BOTH_PATHS
async def test_a_session_opens_with_its_terms(suite, path):
    status, opening = await suite.at(path).request("EIO=4&transport=polling")
    polled, over_websocket = json.loads(opening[1:]), await (await suite.at(path).websocket()).next()
    opened = json.loads(over_websocket[1:])
    assert (status, opening[0], over_websocket[0]) == (200, "0", "0")
    assert polled == {"sid": polled["sid"], "upgrades": ["websocket"], **HANDSHAKE}
    assert opened == {"sid": opened["sid"], "upgrades": [], **HANDSHAKE}
    assert polled["sid"] != opened["sid"]


@BOTH_PATHS
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("transport=polling", 5),
        ("EIO=abc&transport=polling", 5),
        ("EIO=3&transport=polling", 5),
        ("EIO=4", 0),
        ("EIO=4&transport=abc", 0),
        ("EIO=4&transport=polling&sid=unknown", 1),
        ("EIO=4&transport=websocket", 3),
    ],
)
async def test_a_wrong_handshake_is_answered_with_400_and_why(suite, path, query, code):
    status, body = await suite.at(path).request(query)
    assert (status, json.loads(body)["code"]) == (400, code)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_only_get_opens_a_session(engine, method):
    status, body = await engine.request("EIO=4&transport=polling", method)
    assert (status, json.loads(body)["code"]) == (400, 2)


@pytest.mark.parametrize("query", ["transport=websocket", "EIO=abc&transport=websocket", "EIO=4", "EIO=4&transport=x"])
async def test_a_wrong_handshake_gets_no_websocket(engine, query):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await engine.websocket(query)
    assert refused.value.status == 400


@pytest.mark.parametrize("header", [{"Sec-WebSocket-Version": "8"}, {"Sec-WebSocket-Key": "short"}])
async def test_a_handshake_that_rfc_6455_forbids_is_refused(engine, header):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    status, _ = await engine.request(
        "EIO=4&transport=websocket", headers={**upgrade, "Sec-WebSocket-Version": "13", **header}
    )
    assert status == 400


async def test_preflight_requests_are_answered(engine):
    status, _ = await engine.request("EIO=4&transport=polling", "OPTIONS", headers={"Origin": "https://app.example"})
    assert status == 200


@pytest.mark.parametrize("payload", ["4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA=="])
async def test_a_payload_of_packets_comes_back(engine, payload):
    sid = await engine.open_polling()
    assert await engine.post(sid, payload) == (200, "ok")
    assert await engine.poll(sid) == (200, payload)


@pytest.mark.parametrize("payload", ["abc", "", "9", "4a\x1ex", "b!!", "\x1e".join(["4"] * 65)])
async def test_a_malformed_payload_ends_the_session(engine, payload):
    sid = await engine.open_polling()
    assert (await engine.post(sid, payload))[0] == 400
    assert (await engine.poll(sid))[0] == 400


async def test_a_second_poll_at_a_time_ends_the_session(engine):
    sid = await engine.open_polling()
    first = asyncio.create_task(engine.poll(sid))
    await asyncio.sleep(0.02)
    second = await engine.poll(sid)
    assert await first == (200, "1")
    assert (second[0], (await engine.poll(sid))[0]) == (400, 400)


async def test_a_poll_that_is_dropped_ends_the_session_so_that_nothing_is_lost_in_silence(engine):
    sid = await engine.open_polling()
    poll = asyncio.create_task(engine.poll(sid))
    await asyncio.sleep(0.02)
    poll.cancel()
    await asyncio.sleep(0.02)
    assert (await engine.poll(sid))[0] == 400


@pytest.mark.parametrize("packet", ["hello", "", "é€😀", "x" * 70_000])
async def test_text_comes_back_over_a_websocket(engine, packet):
    socket = await engine.websocket()
    await socket.next()
    await socket.send(f"4{packet}")
    assert await socket.next() == f"4{packet}"


@pytest.mark.parametrize("data", [b"", b"\x01\x02\x03\x04", bytes(range(256)) * 300])
async def test_binary_comes_back_over_a_websocket(engine, data):
    socket = await engine.websocket()
    await socket.next()
    await socket.send(data)
    assert await socket.next() == data


@pytest.mark.parametrize("packet", ["abc", "", "9", "0", "6"])
async def test_what_is_no_packet_ends_the_websocket(engine, packet):
    socket = await engine.websocket()
    await socket.send(packet)
    assert await socket.ended() is not None


@BOTH_PATHS
async def test_pollers_that_answer_pings_stay(restless, path):
    endpoint = restless.at(path)
    sid = await endpoint.open_polling()
    for _ in range(3):
        assert await endpoint.poll(sid) == (200, "2")
        assert (await endpoint.post(sid, "3"))[0] == 200


@BOTH_PATHS
async def test_websockets_that_answer_pings_stay(restless, path):
    socket = await restless.at(path).websocket()
    await socket.next()
    for _ in range(3):
        assert await socket.next() == "2"
        await socket.send("3")


@BOTH_PATHS
async def test_a_ping_without_an_answer_ends_the_session(impatient, path):
    endpoint = impatient.at(path)
    sid, socket = await endpoint.open_polling(), await endpoint.websocket()
    async with asyncio.timeout(2):
        await socket.ended()
    await asyncio.sleep(0.1)
    assert (await endpoint.poll(sid))[0] == 400


@BOTH_PATHS
async def test_a_client_may_end_the_session(suite, path):
    endpoint = suite.at(path)
    sid, socket = await endpoint.open_polling(), await endpoint.websocket()
    poll = asyncio.create_task(endpoint.poll(sid))
    await asyncio.sleep(0.02)
    await asyncio.gather(endpoint.post(sid, "1"), socket.send("1"))
    assert await poll == (200, "6")
    assert (await endpoint.poll(sid))[0] == 400
    assert await socket.ended() == 1000


async def test_an_upgrade_carries_on_what_polling_began(engine):
    sid = await engine.open_polling()
    waiting = asyncio.create_task(engine.poll(sid))
    await asyncio.sleep(0.02)
    socket = await engine.probe(sid)
    assert await waiting == (200, "6")
    await engine.post(sid, "4on the way")
    await socket.send("5", "4hello")
    assert [await socket.next(), await socket.next()] == ["4on the way", "4hello"]


async def test_a_poll_during_an_upgrade_does_not_wait(engine):
    sid = await engine.open_polling()
    socket = await engine.probe(sid)
    assert await engine.poll(sid) == (200, "6")
    assert not socket._websocket.closed


async def test_an_upgrade_that_is_given_up_leaves_polling_alone(engine):
    sid = await engine.open_polling()
    socket = await engine.probe(sid)
    await socket._websocket.close()
    await engine.post(sid, "4hello")
    assert await engine.poll(sid) == (200, "4hello")


@pytest.mark.parametrize("packets", [["4hello"], ["5"], ["2probe", "2probe"], ["2"]])
async def test_an_upgrade_in_the_wrong_order_is_closed_and_polling_goes_on(engine, packets):
    sid = await engine.open_polling()
    socket = await engine.websocket(f"EIO=4&transport=websocket&sid={sid}")
    await socket.send(*packets)
    await socket.ended()
    await engine.post(sid, "4hello")
    assert await engine.poll(sid) == (200, "4hello")


async def test_one_websocket_at_a_time_may_probe(engine):
    sid = await engine.open_polling()
    first = await engine.websocket(f"EIO=4&transport=websocket&sid={sid}")
    second = await engine.websocket(f"EIO=4&transport=websocket&sid={sid}")
    await second.ended()
    await first.send("2probe")
    assert await first.next() == "3probe"


async def test_after_an_upgrade_requests_and_further_websockets_are_refused(engine):
    sid = await engine.open_polling()
    socket = await engine.probe(sid)
    await socket.send("5")
    second = await engine.websocket(f"EIO=4&transport=websocket&sid={sid}")
    await second.ended()
    assert (await engine.poll(sid))[0] == 400
    await socket.send("4hello")
    assert await socket.next() == "4hello"
