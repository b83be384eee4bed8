"""The fake Coinbase speaks as Coinbase Exchange documents its feed and REST."""

import pytest

SUBSCRIBE = {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["ticker", "matches"]}


async def test_a_subscription_is_acknowledged_with_everything_subscribed(rig):
    async with rig.socket("/coinbase") as socket:
        first = await socket.ask(SUBSCRIBE)
        second = await socket.ask(
            {"type": "subscribe", "channels": [{"name": "heartbeat", "product_ids": ["BTC-USD"]}]}
        )
    assert first["channels"] == [
        {"name": "matches", "product_ids": ["BTC-USD"]},
        {"name": "ticker", "product_ids": ["BTC-USD"]},
    ]
    assert [channel["name"] for channel in second["channels"]] == ["heartbeat", "matches", "ticker"]


async def test_a_trade_sends_a_match_of_the_maker_and_a_ticker_of_the_taker(rig):
    async with rig.socket("/coinbase") as socket:
        await socket.ask(SUBSCRIBE)
        rig.quote("coinbase", "110.00", "110.02")
        rig.trade("coinbase", "110.02", "buy")
        match, ticker = await socket.get(), await socket.get()
    assert (match["type"], match["side"], match["price"], match["size"]) == ("match", "sell", "110.02", "0.25")
    assert (match["trade_id"], match["sequence"], match["time"]) == (41, 78, "2023-11-14T22:13:20.123456Z")
    assert (ticker["type"], ticker["side"], ticker["sequence"]) == ("ticker", "buy", 78)
    assert (ticker["best_bid"], ticker["best_ask"], ticker["best_bid_size"]) == ("110.00", "110.02", "0.50000000")
    assert (ticker["open_24h"], ticker["volume_24h"], ticker["last_size"]) == ("100", "50.00000000", "0.25")


async def test_a_late_subscriber_is_told_the_last_ticker_and_match(rig):
    rig.quote("coinbase", "110.00", "110.02")
    rig.trade("coinbase", "110.02")
    async with rig.socket("/coinbase") as socket:
        await socket.ask(SUBSCRIBE)
        told = {(await socket.get())["type"] for _ in range(2)}
    assert told == {"ticker", "last_match"}


async def test_a_heartbeat_tells_how_far_the_feed_has_come(rig):
    async with rig.socket("/coinbase") as socket:
        await socket.ask({"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["heartbeat"]})
        rig.trade("coinbase", "110.02", trade_id=99)
        rig.second("coinbase")
        heartbeat = await socket.get()
    assert (heartbeat["type"], heartbeat["last_trade_id"], heartbeat["sequence"]) == ("heartbeat", 99, 78)


async def test_unsubscribing_a_channel_without_products_ends_all_of_it(rig):
    async with rig.socket("/coinbase") as socket:
        await socket.ask(SUBSCRIBE)
        left = await socket.ask({"type": "unsubscribe", "channels": ["ticker"]})
        assert left["channels"] == [{"name": "matches", "product_ids": ["BTC-USD"]}]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("[", "Malformed JSON"),
        ({"type": "shout"}, "Type has to be either subscribe or unsubscribe"),
        ({"type": "subscribe", "product_ids": ["X-Y"], "channels": ["ticker"]}, "X-Y is not a valid product"),
        ({"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["news"]}, "news is not a valid channel"),
        ({"type": "subscribe", "channels": ["heartbeat"]}, "at least one product ID for channel heartbeat"),
        ({"type": "subscribe", "product_ids": "BTC-USD"}, "product_ids"),
    ],
)
async def test_a_bad_message_is_answered_with_an_error_and_subscribes_nothing(rig, message, words):
    async with rig.socket("/coinbase") as socket:
        error = await socket.ask(message)
        (session,) = rig.venues["coinbase"].hub.sessions
        assert error["type"] == "error"
        assert words in error["message"] + error.get("reason", "")
        assert not session.keys


async def test_who_does_not_subscribe_within_five_seconds_is_cut(rig):
    async with rig.socket("/coinbase") as socket:
        (session,) = rig.venues["coinbase"].hub.sessions
        session.opened_at -= 5.1
        rig.second("coinbase")
        assert (await socket.raw.receive(timeout=2)).type.name in ("CLOSE", "CLOSED")


async def test_products_and_statistics_are_listed(rig):
    (product,) = await rig.rest("/coinbase/products")
    stats = await rig.rest("/coinbase/products/BTC-USD/stats")
    assert (product["id"], product["quote_increment"], product["status"]) == ("BTC-USD", "0.01", "online")
    assert (stats["open"], stats["last"], stats["volume"]) == ("100.00000000", "110.00000000", "50.00000000")


async def test_candles_come_newest_first_and_without_empty_minutes(rig):
    path = "/coinbase/products/BTC-USD/candles"
    rows = await rig.rest(path, granularity=60, start="1970-01-01T00:06:00Z", end="480")
    assert rows == [[480, 17.0, 20.0, 18.0, 19.0, 2.0], [360, 15.0, 18.0, 16.0, 17.0, 2.0]]


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("X-Y/candles", {}, "NotFound"),
        ("X-Y/stats", {}, "NotFound"),
        ("BTC-USD/candles", {"granularity": 61}, "Unsupported granularity"),
        ("BTC-USD/candles", {"granularity": "x"}, "invalid parameter"),
        ("BTC-USD/candles", {"granularity": 60, "start": 0, "end": 60 * 301}, "exceeds 300"),
    ],
)
async def test_bad_rest_requests_are_refused_with_a_message(rig, path, query, words):
    assert words in (await rig.rest(f"/coinbase/products/{path}", **query))["message"]


async def test_time_answers(rig):
    answer = await rig.rest("/coinbase/time")
    assert answer["iso"].endswith("Z")
    assert answer["epoch"] > 1_700_000_000
