from collections import Counter
from decimal import Decimal

import msgspec
import pytest

from services.prices.domain.candles import CandleBook
from services.prices.domain.events import Accepted, DayStats, Ignored, Quote, Refused, Trade
from services.prices.domain.instruments import Instrument
from services.prices.domain.numbers import plain
from services.prices.feeds.binance import Binance, Decoder

# open high low close volume trades: the ground truth in the recordings' SOURCES.md
BTC_MINUTES = """\
23:54 61837.63 61855.37 61824.00 61828.00 12.43238 875
23:55 61828.00 61860.80 61780.00 61782.25 15.07702 1255
23:56 61782.25 61782.26 61723.99 61727.66 15.49778 1011
23:57 61727.66 61735.99 61651.01 61652.01 59.29235 2069
23:58 61652.00 61745.27 61583.22 61717.63 77.14202 3216
23:59 61717.64 61743.50 61666.17 61685.99 32.41946 1312
00:00 61686.00 61686.00 61685.99 61685.99 0.17214 19
"""
ETH_MINUTES = """\
23:54 2683.80 2684.60 2682.56 2682.97 165.5851 728
23:55 2682.97 2684.15 2681.80 2682.81 275.4822 1029
23:56 2682.80 2683.20 2681.45 2682.41 163.1063 899
23:57 2682.41 2682.42 2679.30 2679.30 236.7734 764
23:58 2679.31 2683.98 2679.00 2683.98 501.5872 1275
23:59 2683.98 2685.37 2682.34 2682.50 914.6337 1403
00:00 2682.50 2682.51 2682.50 2682.51 4.1470 8
"""


def decode(frame, symbols=None):
    return Decoder(symbols or {"BTCUSDT": "BTC-USD"}).decode(frame)


def minutes(frames, native):
    book, decoder = CandleBook(), Decoder({native: "X"})
    book.expect("X", "binance")
    for frame in frames:
        for event in decoder.decode(frame):
            if isinstance(event, Trade):
                book.add("binance", event, 0.0)
    return [candle for _, candle in book.drain(0.0)]


def written(candle, digits):
    minute = candle.open_time // 60 % 1440
    prices = (candle.open, candle.high, candle.low, candle.close)
    row = [f"{minute // 60:02}:{minute % 60:02}", *(plain(price, 2) for price in prices)]
    return " ".join([*row, plain(candle.volume, digits), str(candle.trades)])


def test_every_recorded_frame_is_read_or_ignored_with_a_reason(recordings):
    decoder, kinds = Decoder({"BTCUSDT": "BTC-USD"}), Counter()
    for frame in recordings.binance_2024("spot_btcusdt_20240808.gz"):
        kinds.update(event.reason if isinstance(event, Ignored) else type(event) for event in decoder.decode(frame))
    assert kinds == {Quote: 28_040, Trade: 9_757, "unknown channel": 3_451}


@pytest.mark.parametrize(
    ("file", "native", "digits", "truth"),
    [
        ("spot_btcusdt_20240808.gz", "BTCUSDT", 5, BTC_MINUTES),
        ("spot_ethusdt_20240808.gz", "ETHUSDT", 4, ETH_MINUTES),
    ],
)
def test_candles_of_the_recorded_trades_equal_the_ground_truth(recordings, file, native, digits, truth):
    candles = minutes(recordings.binance_2024(file), native)
    assert [written(candle, digits) for candle in candles] == truth.splitlines()


def test_a_second_round_of_a_recording_changes_no_candle(recordings):
    frames = list(recordings.binance_2024("spot_ethusdt_20240808.gz"))
    assert minutes(frames + frames, "ETHUSDT") == minutes(frames, "ETHUSDT")


def test_the_aggregated_trades_of_2021_are_read(recordings):
    frames = list(recordings.cryptofeed("BINANCE_20210417.ws"))
    symbols = {msgspec.json.decode(frame)["data"]["s"]: "X" for frame in frames}
    events = Counter(type(event) for frame in frames for event in decode(frame, symbols))
    assert events == {Quote: 570, Trade: 24, Ignored: 634}


def test_a_trade_says_what_the_taker_did():
    frame = b'{"stream":"btcusdt@trade","data":{"e":"trade","E":2,"s":"BTCUSDT","t":7,"p":"61837.63000000","q":"0.02","T":1723161255342,"m":true,"M":true}}'
    assert decode(frame) == (
        Trade("BTC-USD", Decimal("61837.63"), Decimal("0.02"), "sell", 7, 1_723_161_255_342_000_000),
    )


def test_the_day_of_a_pair_is_its_open_and_volume():
    frame = b'{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","s":"BTCUSDT","o":"60000.0","v":"12.5"}}'
    assert decode(frame) == (DayStats("BTC-USD", Decimal("60000.0"), Decimal("12.5")),)


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (b'{"result":null,"id":1}', Accepted()),
        (b'{"error":{"code":2,"msg":"Invalid request"},"id":1}', Refused("Invalid request")),
        (b'{"stream":"dogeusdt@bookTicker","data":{"s":"DOGEUSDT","b":"1","a":"2"}}', Ignored("unknown symbol")),
        (b'{"stream":"btcusdt@depth","data":{}}', Ignored("unknown channel")),
        (b'{"stream":"btcusdt@bookTicker","data":{"s":"BTCUSDT","b":"0","a":"0"}}', Ignored("no price")),
        (b'{"stream":"btcusdt@bookTicker","data":{"s":"BTCUSDT","b":"2","a":"1"}}', Ignored("crossed book")),
        (b'{"stream":"btcusdt@bookTicker","data":{"s":"BTCUSDT","b":"NaN","a":"1"', Ignored("malformed")),
        (b'{"stream":"', Ignored("malformed")),
        (b"not json", Ignored("malformed")),
        (b"[1,2]", Ignored("malformed")),
        (b"\xff\xfe", Ignored("malformed")),
    ],
)
def test_whatever_else_comes_is_named(frame, event):
    assert decode(frame) == (event,)


def test_prices_that_are_no_numbers_never_pass():
    book = b'{"stream":"btcusdt@bookTicker","data":{"s":"BTCUSDT","b":"NaN","a":"Infinity"}}'
    trade = b'{"stream":"btcusdt@trade","data":{"s":"BTCUSDT","t":1,"p":"NaN","q":"1","T":1,"m":true}}'
    assert decode(book) == decode(trade) == (Ignored("no price"),)


def test_streams_are_asked_for_in_pieces_that_the_venue_allows():
    pairs = [Instrument("binance", f"P{number}USDT", f"P{number}", "USD", 2) for number in range(300)]
    sessions = Binance("ws://localhost/binance/", "http://localhost").sessions(pairs)
    assert len(sessions) == 2
    assert sessions[0].url.startswith("ws://localhost/binance/stream?streams=p0usdt@bookTicker/p0usdt@trade/")
    asked = [stream for request in sessions[0].requests for stream in msgspec.json.decode(request)["params"]]
    assert sessions[0].url.count("@") + len(asked) == 750
    assert sessions[0].pause >= 0.5
