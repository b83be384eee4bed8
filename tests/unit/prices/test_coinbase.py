from collections import Counter
from decimal import Decimal

import msgspec
import pytest

from services.prices.domain.events import Accepted, DayStats, Heartbeat, Ignored, Quote, Refused, Trade
from services.prices.domain.instruments import Instrument
from services.prices.feeds.coinbase import Coinbase, Decoder

TICKER = b'{"type":"ticker","sequence":27883326,"product_id":"SKL-GBP","price":"0.5752","open_24h":"0.5102","volume_24h":"3479861.10000000","low_24h":"0.5","high_24h":"0.588","volume_30d":"76123674.10000000","best_bid":"0.5752","best_ask":"0.5771","side":"sell","time":"2021-04-17T16:43:29.571587Z","trade_id":82007,"last_size":"1008.2"}'
MATCH = b'{"type":"match","trade_id":280232,"maker_order_id":"2a0da34e","taker_order_id":"3c82abaa","side":"sell","size":"985","price":"0.00001305","product_id":"SKL-BTC","sequence":177100030,"time":"2021-04-17T16:43:37.089723Z"}'


def decode(frame):
    return Decoder({"SKL-GBP": "SKL-GBP", "SKL-BTC": "SKL-BTC"}).decode(frame)


def test_every_recorded_frame_is_read_or_ignored_with_a_reason(recordings):
    frames = list(recordings.cryptofeed("COINBASE_20210417.ws"))
    products = {msgspec.json.decode(frame).get("product_id", "") for frame in frames}
    decoder = Decoder({product: product for product in products})
    events = [event for frame in frames for event in decoder.decode(frame)]
    kinds = Counter(event.reason if isinstance(event, Ignored) else type(event) for event in events)
    assert kinds == {Quote: 107, DayStats: 107, Trade: 107, Accepted: 3, "unknown channel": 9_729}
    assert sum(isinstance(event, Trade) and event.replayed for event in events) == 10


def test_a_ticker_is_a_quote_and_a_day():
    assert decode(TICKER) == (
        Quote("SKL-GBP", Decimal("0.5752"), Decimal("0.5771"), Decimal("0.5752"), 1_618_677_809_571_587_000),
        DayStats("SKL-GBP", Decimal("0.5102"), Decimal("3479861.10000000")),
    )


def test_the_makers_side_is_turned_into_the_takers():
    [trade] = decode(MATCH)
    assert trade == Trade("SKL-BTC", Decimal("0.00001305"), Decimal(985), "buy", 280232, 1_618_677_817_089_723_000)


def test_the_last_match_before_the_subscription_is_marked_as_replayed():
    [trade] = decode(MATCH.replace(b"match", b"last_match", 1))
    assert trade.replayed


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (b'{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD"}', Heartbeat()),
        (b'{"type":"subscriptions","channels":[]}', Accepted()),
        (b'{"type":"error","message":"Failed","reason":"no such product"}', Refused("Failed: no such product")),
        (b'{"sequence":1,"type":"status"}', Ignored("unknown channel")),
        (MATCH.replace(b"SKL-BTC", b"DOGE-BTC"), Ignored("unknown symbol")),
        (MATCH.replace(b'"price":"0.00001305"', b'"price":"-1"'), Ignored("no price")),
        (b'{"type":"match"}', Ignored("malformed")),
        (b"", Ignored("malformed")),
    ],
)
def test_whatever_else_comes_is_named(frame, event):
    assert decode(frame) == (event,)


def test_one_heartbeat_is_asked_for_and_every_product_in_batches():
    products = [Instrument("coinbase", f"P{number}-USD", f"P{number}", "USD", 2) for number in range(150)]
    [session] = Coinbase("ws://localhost/coinbase", "http://localhost").sessions(products)
    requests = [msgspec.json.decode(request) for request in session.requests]
    assert session.url == "ws://localhost/coinbase"
    assert requests[0]["channels"] == ["heartbeat"]
    assert [len(request["product_ids"]) for request in requests] == [1, 100, 50]
    assert session.silence_limit < 5
