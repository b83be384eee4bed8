"""The status page, the mark of simulation, and the faults that tests may switch on."""

import aiohttp
import pytest

from simulator.faults import Fault, Faults
from simulator.session import QUEUE_LIMIT


async def test_the_status_page_counts_connections_and_frames(rig):
    async with rig.socket("/binance/ws/btcusdt@trade") as socket:
        rig.trade("binance", "100.00")
        await socket.get()
        status = await rig.rest("/")
    assert (status["status"], status["mode"]) == ("ok", "generator")
    assert status["venues"]["binance"]["symbols"] == ["BTCUSDT"]
    assert (status["venues"]["binance"]["connections"], status["venues"]["binance"]["frames_sent"]) == (1, 1)


@pytest.mark.parametrize("path", ["/", "/kraken/0/public/Time", "/binance/api/v3/klines", "/nowhere"])
async def test_every_answer_says_that_it_is_simulated(rig, path):
    async with rig.client.get(rig.url + path) as response:
        assert response.headers["X-CryptoVault-Simulated"] == "1"


@pytest.mark.parametrize("path", ["/binance/ws", "/coinbase", "/kraken/v2"])
async def test_every_handshake_says_that_it_is_simulated(rig, path):
    async with rig.client.ws_connect(rig.url + path) as socket:
        assert socket._response.headers["X-CryptoVault-Simulated"] == "1"


async def test_a_stalled_venue_keeps_its_sockets_open_and_silent(rig):
    async with rig.socket("/binance/ws/btcusdt@trade") as socket:
        assert await rig.control(venue="binance", fault="stall") == (
            200,
            {"status": "ok", "venue": "binance", "faults": ["stall"]},
        )
        rig.trade("binance", "100.00")
        assert await socket.silent()
        await rig.control(venue="binance", fault="clear")
        rig.trade("binance", "101.00")
        assert (await socket.get())["p"] == "101.00000000"


async def test_a_disconnect_closes_the_sockets_and_lets_clients_come_back(rig):
    async with rig.socket("/kraken/v2") as socket:
        await socket.get()
        await rig.control(venue="kraken", fault="disconnect")
        assert (await socket.raw.receive(timeout=2)).type.name in ("CLOSE", "CLOSED")
    async with rig.socket("/kraken/v2") as socket:
        assert (await socket.get())["channel"] == "status"


async def test_a_refusing_venue_rejects_handshakes_and_rest_and_leaves_others_alone(rig):
    await rig.control(venue="coinbase", fault="refuse", seconds=60)
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        await rig.client.ws_connect(rig.url + "/coinbase")
    async with rig.client.get(rig.url + "/coinbase/products") as response:
        assert response.status == 503
    assert await rig.rest("/binance/api/v3/ping") == {}


async def test_a_liar_multiplies_its_prices(rig):
    async with rig.socket("/binance/ws/btcusdt@trade/btcusdt@bookTicker") as socket:
        await rig.control(venue="binance", fault="liar", factor=1.1)
        rig.trade("binance", "100.00")
        rig.quote("binance", "100.00", "100.02")
        trade, quote = await socket.get(), await socket.get()
    assert (trade["p"], quote["b"], quote["a"]) == ("110.00000000", "110.00000000", "110.02000000")


async def test_a_delayed_venue_sends_late_and_in_order(rig):
    async with rig.socket("/binance/ws/btcusdt@trade") as socket:
        await rig.control(venue="binance", fault="delay", factor=0.15)
        rig.trade("binance", "100.00")
        await rig.control(venue="binance", fault="clear")
        rig.trade("binance", "101.00")
        assert await socket.silent(0.05)
        assert [(await socket.get())["p"] for _ in range(2)] == ["100.00000000", "101.00000000"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"venue": "mtgox", "fault": "stall"}, "venue"),
        ({"venue": "kraken", "fault": "explode"}, "fault"),
        ({"venue": "kraken", "fault": "liar"}, "factor"),
        ({"venue": "kraken", "fault": "delay", "factor": -1}, "factor"),
        ({"venue": "kraken", "fault": "stall", "seconds": -1}, "seconds"),
        ({"venue": "kraken", "fault": "stall", "secnods": 1}, "secnods"),
    ],
)
async def test_a_bad_fault_request_names_the_field(rig, body, words):
    status, answer = await rig.control(**body)
    assert status == 400
    assert words in answer["error"]


async def test_a_fault_request_must_be_json_so_that_web_pages_cannot_send_one(rig):
    async with rig.client.post(rig.url + "/control", data='{"venue":"kraken","fault":"stall"}') as response:
        assert response.status == 415
    assert rig.venues["kraken"].hub.faults.names() == []


def test_a_fault_ends_by_itself():
    now = [0.0]
    faults = Faults(clock=lambda: now[0])
    faults.begin(Fault.STALL, factor=0.0, seconds=10.0)
    assert faults.has(Fault.STALL)
    now[0] = 10.0
    assert not faults.has(Fault.STALL)
    assert faults.names() == []


async def test_a_reader_that_is_too_slow_loses_the_oldest_frames(rig):
    async with rig.socket("/binance/ws/btcusdt@trade") as socket:
        for number in range(QUEUE_LIMIT + 10):  # no await in between: nothing is written meanwhile
            rig.trade("binance", "100.00", trade_id=number)
        first = await socket.get()
    assert first["t"] == 10
    assert rig.venues["binance"].hub.frames_dropped == 10


async def test_subscriptions_end_with_their_connection(rig):
    hub = rig.venues["binance"].hub
    async with rig.socket("/binance/ws/btcusdt@trade"):
        assert hub.wanted("btcusdt@trade")
    for _ in range(100):
        if not hub.sessions:
            break
        await rig.rest("/")
    assert not hub.wanted("btcusdt@trade")
    assert not hub.sessions
