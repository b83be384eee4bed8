"""The fake Binance speaks as Binance documents its streams and REST."""

import pytest

BOOK_TICKER = {
    "u": 77,
    "s": "BTCUSDT",
    "b": "100.01000000",
    "B": "0.50000000",
    "a": "100.02000000",
    "A": "0.50000000",
}


async def test_a_raw_stream_carries_the_bare_payload(rig):
    async with rig.socket("/binance/ws/btcusdt@bookTicker") as socket:
        rig.quote("binance", "100.01", "100.02")
        assert await socket.get() == BOOK_TICKER


async def test_a_combined_stream_wraps_the_payload_with_its_name(rig):
    async with rig.socket("/binance/stream?streams=ethusdt@trade/btcusdt@bookTicker") as socket:
        rig.quote("binance", "100.01", "100.02")
        assert await socket.get() == {"stream": "btcusdt@bookTicker", "data": BOOK_TICKER}


@pytest.mark.parametrize(("taker", "buyer_is_maker"), [("buy", False), ("sell", True)])
async def test_a_trade_says_whether_the_buyer_was_the_maker(rig, taker, buyer_is_maker):
    async with rig.socket("/binance/ws/btcusdt@trade/btcusdt@aggTrade") as socket:
        rig.trade("binance", "100.02", taker)
        trade, aggregate = await socket.get(), await socket.get()
    assert (trade["e"], trade["t"], trade["p"], trade["q"]) == ("trade", 41, "100.02000000", "0.25000000")
    assert (trade["T"], trade["m"]) == (1_700_000_000_123, buyer_is_maker)
    assert (aggregate["e"], aggregate["a"], aggregate["f"], aggregate["l"]) == ("aggTrade", 41, 41, 41)


async def test_streams_are_subscribed_listed_and_unsubscribed_live(rig):
    async with rig.socket("/binance/ws") as socket:
        subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker", "btcusdt@trade"], "id": 1}
        assert await socket.ask(subscribe) == {"result": None, "id": 1}
        unsubscribe = {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": "x2"}
        assert await socket.ask(unsubscribe) == {"result": None, "id": "x2"}
        listed = await socket.ask({"method": "LIST_SUBSCRIPTIONS", "id": 3})
        assert listed == {"result": ["btcusdt@bookTicker"], "id": 3}


async def test_the_combined_wrapper_is_a_property_that_can_be_switched(rig):
    async with rig.socket("/binance/ws/btcusdt@bookTicker") as socket:
        assert await socket.ask({"method": "GET_PROPERTY", "params": ["combined"], "id": 1}) == {
            "result": False,
            "id": 1,
        }
        await socket.ask({"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})
        rig.quote("binance", "100.01", "100.02")
        assert (await socket.get())["stream"] == "btcusdt@bookTicker"


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ("{", 3, "Invalid JSON"),
        ({"id": 1}, 2, "missing field `method`"),
        ({"method": "LISTEN", "id": 1}, 2, "unknown variant LISTEN"),
        ({"method": "SUBSCRIBE", "params": ["a@b"], "id": 1.5}, 2, "request ID"),
        ({"method": "SUBSCRIBE", "params": [7], "id": 1}, 2, "params"),
        ({"method": "SUBSCRIBE", "params": [f"{n}@trade" for n in range(1025)], "id": 1}, 2, "too many parameters"),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}, 1, "expected Boolean"),
        ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0, "Unknown property"),
    ],
)
async def test_a_bad_request_is_answered_with_binances_error_object(rig, request_, code, words):
    async with rig.socket("/binance/ws") as socket:
        error = (await socket.ask(request_))["error"]
    assert error["code"] == code
    assert words in error["msg"]


async def test_an_unknown_stream_is_accepted_and_stays_silent(rig):
    async with rig.socket("/binance/ws") as socket:
        assert (await socket.ask({"method": "SUBSCRIBE", "params": ["nosuch@trade"], "id": 1}))["result"] is None
        rig.trade("binance", "100.02")
        assert await socket.silent()


async def test_the_day_ticker_and_the_running_candle_come_each_second(rig):
    async with rig.socket("/binance/ws/btcusdt@ticker") as socket:
        rig.quote("binance", "110.00", "110.01")
        rig.trade("binance", "110.01")
        rig.second("binance")
        ticker = await socket.get()
    assert (ticker["e"], ticker["o"], ticker["c"], ticker["v"]) == (
        "24hrTicker",
        "100.00000000",
        "110.01000000",
        "50.00000000",
    )
    assert (ticker["P"], ticker["n"], ticker["b"]) == ("10.000", 1000, "110.00000000")


async def test_the_server_pings_each_twenty_seconds_and_cuts_who_does_not_answer(rig):
    async with rig.socket("/binance/ws/btcusdt@trade") as socket:
        (session,) = rig.venues["binance"].hub.sessions
        session.last_ping_at -= 20
        rig.second("binance")
        assert await socket.silent()  # the client library answers the ping by itself
        assert session.last_pong_at > session.opened_at
        session.last_pong_at -= 61
        rig.second("binance")
        assert (await socket.raw.receive(timeout=2)).type.name in ("CLOSE", "CLOSED")


async def test_exchange_info_gives_names_and_steps(rig):
    (symbol,) = (await rig.rest("/binance/api/v3/exchangeInfo"))["symbols"]
    assert (symbol["symbol"], symbol["baseAsset"], symbol["quoteAsset"]) == ("BTCUSDT", "BTC", "USDT")
    assert symbol["filters"][0]["tickSize"] == "0.01000000"
    assert symbol["filters"][1]["stepSize"] == "0.00001000"


async def test_klines_fill_empty_minutes_and_honour_start_end_and_limit(rig):
    rows = await rig.rest("/binance/api/v3/klines", symbol="BTCUSDT", interval="1m", startTime=300_000, endTime=540_000)
    assert [row[0] for row in rows] == [300_000, 360_000, 420_000, 480_000, 540_000]
    assert rows[2][1:6] == ["17.00000000"] * 4 + ["0.00000000"]  # minute 7 was empty: the close of minute 6
    last = await rig.rest("/binance/api/v3/klines", symbol="BTCUSDT", interval="5m", limit=1)
    assert last[0][0:5] == [900_000, "25.00000000", "31.00000000", "24.00000000", "30.00000000"]
    assert last[0][5] == "10.00000000"
    assert last[0][8] == 25


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("klines", {"symbol": "NOSUCH", "interval": "1m"}, -1121),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("klines", {"interval": "1m"}, -1102),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": "x"}, -1100),
        ("exchangeInfo", {"symbols": "BTC"}, -1100),
    ],
)
async def test_bad_rest_parameters_are_named_with_binances_codes(rig, path, query, code):
    assert (await rig.rest(f"/binance/api/v3/{path}", **query))["code"] == code


async def test_day_statistics_come_for_one_symbol_or_all(rig):
    rig.quote("binance", "109.99", "110.01")
    one = await rig.rest("/binance/api/v3/ticker/24hr", symbol="BTCUSDT")
    every = await rig.rest("/binance/api/v3/ticker/24hr", symbols='["BTCUSDT"]')
    assert (one["openPrice"], one["volume"], one["bidPrice"]) == ("100.00000000", "50.00000000", "109.99000000")
    assert [item["symbol"] for item in every] == ["BTCUSDT"]


async def test_ping_and_time_answer(rig):
    assert await rig.rest("/binance/api/v3/ping") == {}
    assert (await rig.rest("/binance/api/v3/time"))["serverTime"] > 1_700_000_000_000
