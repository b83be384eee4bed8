"""The fake Kraken speaks WebSocket v2 and REST as Kraken documents them."""

import pytest


def subscribe(channel="ticker", symbols=("BTC/USD",), **more):
    return {"method": "subscribe", "params": {"channel": channel, "symbol": list(symbols), **more}, "req_id": 7}


@pytest.fixture
async def socket(rig):
    async with rig.socket("/kraken/v2") as opened:
        status = await opened.get()
        assert (status["channel"], status["data"][0]["system"], status["data"][0]["api_version"]) == (
            "status",
            "online",
            "v2",
        )
        yield opened


async def test_each_symbol_is_acknowledged_by_itself(socket):
    await socket.send(subscribe(symbols=["BTC/USD", "XBT/USD"], event_trigger="bbo"))
    good, bad = await socket.get(), await socket.get()
    assert (good["method"], good["success"], good["req_id"]) == ("subscribe", True, 7)
    assert good["result"] == {"channel": "ticker", "symbol": "BTC/USD", "snapshot": True, "event_trigger": "bbo"}
    assert good["time_in"] <= good["time_out"]
    assert (bad["success"], bad["error"]) == (False, "Currency pair not supported XBT/USD")


async def test_a_ticker_begins_with_a_snapshot_and_goes_on_with_updates(rig, socket):
    rig.trade("kraken", "110.00")
    rig.quote("kraken", "109.99", "110.01")
    await socket.ask(subscribe(event_trigger="bbo"))
    snapshot = await socket.get()
    rig.quote("kraken", "109.98", "110.01")
    update = await socket.get()
    assert (snapshot["type"], update["type"]) == ("snapshot", "update")
    assert update["data"][0] == {
        "symbol": "BTC/USD", "bid": 109.98, "bid_qty": 0.5, "ask": 110.01, "ask_qty": 0.5, "last": 110.0,
        "volume": 50.0, "vwap": 110.0, "low": 90.0, "high": 120.0, "change": 10.0, "change_pct": 10.0,
        "timestamp": "2023-11-14T22:13:20.123456Z",
    }  # fmt: skip


async def test_prices_are_json_numbers_with_their_digits_kept(rig, socket):
    await socket.ask(subscribe(event_trigger="bbo", snapshot=False))
    rig.trade("kraken", "110.00")
    rig.quote("kraken", "109.90", "110.10")
    assert '"bid":109.90,"bid_qty":0.5,"ask":110.10,' in await socket.text()


async def test_the_trigger_decides_what_makes_a_ticker(rig, socket):
    rig.trade("kraken", "110.00", trade_id=40)
    await socket.ask(subscribe(event_trigger="trades", snapshot=False))
    rig.quote("kraken", "109.90", "110.10")
    rig.trade("kraken", "110.10")
    assert (await socket.get())["data"][0]["last"] == 110.10
    assert await socket.silent()


async def test_a_trade_carries_the_takers_side_and_a_snapshot_the_recent_ones(rig, socket):
    rig.trade("kraken", "110.00", "sell", trade_id=1)
    await socket.ask(subscribe("trade", snapshot=True))
    snapshot = await socket.get()
    rig.trade("kraken", "110.01", "buy", trade_id=2)
    update = await socket.get()
    assert [(item["trade_id"], item["side"]) for item in snapshot["data"]] == [(1, "sell")]
    assert update["data"][0] == {
        "symbol": "BTC/USD", "side": "buy", "price": 110.01, "qty": 0.25, "ord_type": "limit", "trade_id": 2,
        "timestamp": "2023-11-14T22:13:20.123456Z",
    }  # fmt: skip


async def test_a_heartbeat_fills_a_silent_second_once_subscribed(rig, socket):
    (session,) = rig.venues["kraken"].hub.sessions
    session.last_sent_at -= 1
    rig.second("kraken")
    pong = await socket.ask({"method": "ping", "req_id": 3})  # and no heartbeat before it: nothing is subscribed yet
    assert (pong["method"], pong["req_id"]) == ("pong", 3)
    await socket.ask(subscribe(snapshot=False))
    session.last_sent_at -= 1
    rig.second("kraken")
    assert await socket.get() == {"channel": "heartbeat"}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("{", "Malformed request"),
        ({"method": "dance", "req_id": 1}, "Method not found"),
        (subscribe("book"), "Subscription name invalid"),
        (subscribe(symbols=[]), "Missing field 'symbol'"),
        (subscribe(event_trigger="moon"), "Event trigger not supported"),
        ({"method": "unsubscribe", "params": {"channel": "ticker", "symbol": ["BTC/USD"]}}, "Subscription Not Found"),
    ],
)
async def test_a_bad_request_is_refused_in_words(socket, message, words):
    answer = await socket.ask(message)
    assert (answer["success"], answer["error"]) == (False, words)


async def test_a_second_subscription_is_refused_and_an_unsubscription_ends_the_first(rig, socket):
    await socket.ask(subscribe("trade"))
    assert (await socket.ask(subscribe("trade")))["error"] == "Already subscribed"
    ended = await socket.ask({"method": "unsubscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"]}})
    rig.trade("kraken", "110.00")
    assert ended["success"] is True
    assert await socket.silent()


async def test_rest_keeps_krakens_old_names(rig):
    answer = await rig.rest("/kraken/0/public/AssetPairs")
    pair = answer["result"]["XXBTZUSD"]
    assert answer["error"] == []
    assert (pair["wsname"], pair["altname"], pair["base"], pair["pair_decimals"]) == ("XBT/USD", "XBTUSD", "XXBT", 2)


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD", "BTCUSD"])
async def test_candles_are_found_under_each_of_a_pairs_names(rig, name):
    result = (await rig.rest("/kraken/0/public/OHLC", pair=name, interval=1, since=1020))["result"]
    assert result["XXBTZUSD"] == [
        [1080, "28.00", "30.00", "27.00", "29.00", "10.00", "2.00000000", 5],
        [1140, "29.00", "31.00", "28.00", "30.00", "10.00", "2.00000000", 5],
    ]
    assert result["last"] == 1080


@pytest.mark.parametrize(
    ("path", "query", "error"),
    [
        ("OHLC", {"pair": "NOSUCH"}, "EQuery:Unknown asset pair"),
        ("AssetPairs", {"pair": "NOSUCH"}, "EQuery:Unknown asset pair"),
        ("OHLC", {"pair": "XBTUSD", "interval": 2}, "EGeneral:Invalid arguments"),
        ("OHLC", {"pair": "XBTUSD", "interval": "x"}, "EGeneral:Invalid arguments"),
    ],
)
async def test_bad_rest_requests_carry_krakens_errors(rig, path, query, error):
    assert (await rig.rest(f"/kraken/0/public/{path}", **query))["error"] == [error]


async def test_time_answers(rig):
    assert (await rig.rest("/kraken/0/public/Time"))["result"]["unixtime"] > 1_700_000_000
