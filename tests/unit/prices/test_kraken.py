from decimal import Decimal

import msgspec
import pytest

from services.prices.domain.events import Accepted, DayStats, Heartbeat, Ignored, Quote, Refused, Trade
from services.prices.domain.instruments import Instrument
from services.prices.feeds.kraken import Decoder, Kraken

TICKER = b'{"channel":"ticker","type":"update","data":[{"symbol":"XMR/USD","bid":354.32,"bid_qty":6.87,"ask":355.240,"ask_qty":27.1,"last":355.23,"volume":33470.74135600,"vwap":349.1,"low":333.87,"high":368.0,"change":20.02,"change_pct":5.97,"timestamp":"2021-04-17T16:48:52.949688Z"}]}'
TRADES = b'{"channel":"trade","type":"update","data":[{"symbol":"XMR/USD","side":"sell","price":354.04000,"qty":0.28245396,"ord_type":"market","trade_id":4665846,"timestamp":"2021-04-17T16:49:10.826417Z"},{"symbol":"XMR/USD","side":"buy","price":353.81,"qty":1.7,"ord_type":"limit","trade_id":4665847,"timestamp":"2021-04-17T16:49:10.827816Z"}]}'
SUBSCRIBED = b'{"method":"subscribe","result":{"channel":"ticker","symbol":"XMR/USD"},"success":true,"time_in":"2023-09-25T09:04:31.742599Z","time_out":"2023-09-25T09:04:31.742648Z"}'
REFUSED = b'{"error":"Currency pair not supported A/B","method":"subscribe","success":false,"symbol":"A/B"}'


def decode(frame):
    return list(Decoder({"XMR/USD": "XMR-USD"}).decode(frame))


def test_a_ticker_is_a_quote_and_a_day_with_all_digits():
    assert decode(TICKER) == [
        Quote("XMR-USD", Decimal("354.32"), Decimal("355.240"), Decimal("355.23"), 1_618_678_132_949_688_000),
        DayStats("XMR-USD", Decimal("335.21"), Decimal("33470.74135600")),
    ]
    assert str(decode(TICKER)[0].ask) == "355.240"


def test_every_trade_of_a_frame_is_read_with_its_takers_side():
    assert decode(TRADES) == [
        Trade("XMR-USD", Decimal("354.04"), Decimal("0.28245396"), "sell", 4665846, 1_618_678_150_826_417_000),
        Trade("XMR-USD", Decimal("353.81"), Decimal("1.7"), "buy", 4665847, 1_618_678_150_827_816_000),
    ]


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (b'{"channel":"heartbeat"}', Heartbeat()),
        (SUBSCRIBED, Accepted()),
        (REFUSED, Refused("Currency pair not supported A/B")),
        (b'{"channel":"book","data":[]}', Ignored("unknown channel")),
        (b'{"type":"update","channel":"book","data":[]}', Ignored("unknown channel")),
        (TICKER.replace(b"XMR/USD", b"DOGE/USD"), Ignored("unknown symbol")),
        (b'{"channel":"trade","data":[{"symbol":"XMR/USD"}]}', Ignored("malformed")),
        (b'{"channel":"tick', Ignored("malformed")),
    ],
)
def test_whatever_else_comes_is_named(frame, event):
    assert decode(frame) == [event]


def test_the_zeros_of_a_dead_market_are_no_price():
    dead = b'{"channel":"ticker","data":[{"symbol":"XMR/USD","bid":0,"ask":0,"last":0,"volume":0,"change":0,"timestamp":"1970-01-01T00:00:00Z"}]}'
    assert decode(dead) == [Ignored("no price")]


def test_pairs_are_subscribed_for_book_top_changes_and_trades_without_history():
    pairs = [Instrument("kraken", f"P{number}/USD", f"P{number}", "USD", 2) for number in range(120)]
    [session] = Kraken("ws://localhost/kraken", "http://localhost").sessions(pairs)
    asked = [msgspec.json.decode(request)["params"] for request in session.requests]
    assert session.url == "ws://localhost/kraken/v2"
    assert [(item["channel"], len(item["symbol"])) for item in asked] == [
        ("ticker", 100),
        ("trade", 100),
        ("ticker", 20),
        ("trade", 20),
    ]
    assert asked[0]["event_trigger"] == "bbo"
    assert asked[1]["snapshot"] is False


def test_the_greeting_of_a_connection_says_nothing_of_a_market():
    assert decode(b'{"channel":"status","type":"update","data":[{"system":"online"}]}') == []
