"""Recorded traffic is found, understood and replayed; the facts are those of the recordings' own description."""

import asyncio
from collections import defaultdict

import msgspec
import pytest

from simulator.recordings import RecordingsSource
from simulator.recordings.catalogue import NotARecording, Unplayable, discover, examine, venue_of
from simulator.recordings.lines import received_frame, received_frames

FAST = 1000.0
LAST = 1 << 40


@pytest.fixture(scope="module")
def source(recordings):
    return RecordingsSource(recordings, speed=FAST)


@pytest.fixture(scope="module")
def by_name(source):
    return {recording.path.name: recording for recording in source.recordings}


@pytest.fixture(scope="module")
def played(recordings):
    """A source that has played every file once, and the frames of each channel."""
    source, frames = RecordingsSource(recordings, speed=FAST), defaultdict(list)
    for recording in source.recordings:
        for _, frame in recording.frames():
            source._remember(frame)
            frames[frame.venue, frame.channel].append(frame)
    return source, frames


@pytest.mark.parametrize(
    ("name", "venue", "counts"),
    [
        ("spot_btcusdt_20240808.gz", "binance", {"bookTicker": 28_040, "trade": 9_757}),
        ("spot_ethusdt_20240808.gz", "binance", {"bookTicker": 24_077, "trade": 6_106}),
        ("BINANCE_20210417.ws", "binance", {"bookTicker": 570, "aggTrade": 24, "kline_1m": 20}),
        ("COINBASE_20210417.ws", "coinbase", {"ticker": 107, "match": 97, "last_match": 10}),
        ("KRAKEN_20210417.ticker.ws", "kraken", {"ticker": 18}),
        ("KRAKEN_20210417.trade.ws", "kraken", {"trade": 8}),
    ],
)
def test_every_frame_of_a_playable_file_is_found(by_name, name, venue, counts):
    recording = by_name[name]
    assert recording.venue == venue
    assert {channel: recording.of_channel(channel) for channel, _ in recording.counts} == counts


def test_files_that_cannot_be_replayed_are_named_with_the_reason(recordings, caplog):
    with caplog.at_level("INFO"):
        found = discover(recordings)
    assert len(found) == 6
    assert "Binance futures, of which the simulator speaks spot only: cm_btcusd_perp" in caplog.text
    assert "no ticker or trade frames: KRAKEN_20210417.book.ws" in caplog.text
    assert "OKX_20220513.ws" in caplog.text


def test_instruments_are_exactly_what_the_recordings_hold(source):
    coinbase = {item.symbol: item for item in source.instruments("coinbase")}
    kraken = {item.symbol: item for item in source.instruments("kraken")}
    binance = {item.symbol: item for item in source.instruments("binance")}
    assert len(coinbase) == 10
    assert {"SKL-USD", "YFI-BTC", "BAND-GBP", "CRV-EUR"} < set(coinbase)
    assert {"XMR/USD", "BTC/CHF", "ADA/BTC", "KSM/BTC"} < set(kraken)
    assert len(kraken) == 10
    assert (binance["BTCUSDT"].base, binance["BTCUSDT"].quote, str(binance["BTCUSDT"].tick)) == ("BTC", "USDT", "0.01")
    assert str(coinbase["YFI-BTC"].tick) == "0.00001"


@pytest.mark.parametrize(
    ("symbol", "minute", "candle"),
    [
        ("BTCUSDT", "23:55", (61828.00, 61860.80, 61780.00, 61782.25, 15.07702, 1255)),
        ("BTCUSDT", "23:58", (61652.00, 61745.27, 61583.22, 61717.63, 77.14202, 3216)),
        ("ETHUSDT", "23:57", (2682.41, 2682.42, 2679.30, 2679.30, 236.7734, 764)),
    ],
)
def test_candles_equal_the_known_minutes(played, symbol, minute, candle):
    hour, minutes = map(int, minute.split(":"))
    begin = 1_723_075_200 + hour * 3600 + minutes * 60
    (bar,) = played[0].bars("binance", symbol, begin, begin + 60)
    assert (bar.open, bar.high, bar.low, bar.close, round(bar.volume, 8), bar.trades) == candle


def test_a_file_that_starts_over_counts_no_trade_twice(played):
    source, frames = played
    before = source.bars("coinbase", "SKL-USD", 0, LAST)
    for frame in frames["coinbase", "match"]:
        source._remember(frame)
    assert source.bars("coinbase", "SKL-USD", 0, LAST) == before


def test_day_statistics_say_what_was_recorded_and_no_more(played):
    source, frames = played
    ticker = next(frame for frame in reversed(frames["coinbase", "ticker"]) if frame.symbol == "BAND-GBP")
    stats, silent = source.day_stats("coinbase", "BAND-GBP"), source.day_stats("binance", "GTOBTC")
    assert f'"open_24h":"{stats.open}"'.encode() in ticker.payload
    assert (silent.trades, silent.volume) == (0, 0.0)
    assert source.day_stats("binance", "BTCUSDT").trades == 9_757


def test_kraken_v1_trades_become_v2_frames_with_their_digits(played):
    frames = [msgspec.json.decode(frame.payload) for frame in played[1]["kraken", "trade"]]
    trades = [trade for frame in frames for trade in frame["data"]]
    assert len(trades) == 10
    assert trades[0] == {
        "symbol": "XMR/USD", "side": "sell", "price": 354.11, "qty": 0.89594024, "ord_type": "limit", "trade_id": 1,
        "timestamp": "2021-04-17T16:49:02.557535Z",
    }  # fmt: skip
    assert b'"price":354.11000000,"qty":0.89594024,' in played[1]["kraken", "trade"][0].payload


def test_kraken_v1_tickers_become_v2_frames_of_24_hours(played):
    ticker = next(frame for frame in played[1]["kraken", "ticker"] if frame.symbol == "XMR/USD")
    data = msgspec.json.decode(ticker.payload)["data"][0]
    assert (data["bid"], data["bid_qty"], data["ask"], data["last"]) == (354.32, 6.87748868, 355.24, 355.23)
    assert (data["volume"], data["vwap"], data["low"], data["high"]) == (33470.741356, 349.16721624, 333.87, 368.0)
    assert (data["change"], data["change_pct"]) == (20.02, 5.97)


async def test_binance_frames_reach_a_combined_socket_byte_for_byte(start_rig, source, recordings):
    wanted = [
        frame.decode()
        for _, frame in received_frames(recordings / "binance-raw-2024/spot_btcusdt_20240808.gz")
        if b'"btcusdt@trade"' in frame[:40]
    ][:200]
    async with start_rig(source) as rig, rig.socket("/binance/stream?streams=btcusdt@trade") as socket:
        playing = asyncio.create_task(source.run(lambda event: rig.venues[event.venue].receive(event)))
        received = [await socket.text() for _ in range(200)]
        playing.cancel()
    assert received == wanted


async def test_a_raw_socket_gets_the_inside_of_the_frame(start_rig, source, by_name):
    frame = next(frame for _, frame in by_name["BINANCE_20210417.ws"].frames() if frame.channel == "aggTrade")
    async with start_rig(source) as rig, rig.socket(f"/binance/ws/{frame.symbol.lower()}@aggTrade") as socket:
        rig.venues["binance"].receive(frame)
        text = await socket.text()
    assert text.encode() == frame.payload.partition(b'"data":')[2][:-1]
    assert msgspec.json.decode(text)["e"] == "aggTrade"


async def test_coinbase_replays_what_a_new_subscriber_is_told(start_rig, source, by_name):
    frames = [frame for _, frame in by_name["COINBASE_20210417.ws"].frames() if frame.symbol == "SKL-USD"]
    subscribe = {"type": "subscribe", "product_ids": ["SKL-USD"], "channels": ["matches", "heartbeat"]}
    async with start_rig(source) as rig, rig.socket("/coinbase") as socket:
        for frame in frames:
            rig.venues["coinbase"].receive(frame)
        await socket.ask(subscribe)
        last = await socket.get()
        rig.second("coinbase")
        heartbeat = await socket.get()
    assert last["type"] == "last_match"
    assert heartbeat["last_trade_id"] == last["trade_id"]


async def test_a_liar_needs_the_generator(start_rig, source):
    async with start_rig(source) as rig:
        status, answer = await rig.control(venue="binance", fault="liar", factor=2)
        assert (status, (await rig.rest("/"))["mode"]) == (400, "recordings")
    assert "liar" in answer["error"]


def test_replay_keeps_the_recorded_pace(source, by_name):
    times = [received_ns for received_ns, _ in by_name["COINBASE_20210417.ws"].frames()]
    assert times == sorted(times)
    assert 29 < (times[-1] - times[0]) / 1e9 < 31


def test_a_folder_without_recordings_is_an_error_that_says_so(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here\n")
    with pytest.raises(FileNotFoundError, match="no recordings"):
        RecordingsSource(tmp_path, speed=1.0)


def test_a_file_of_another_kind_is_told_apart(tmp_path):
    note, other = tmp_path / "note", tmp_path / "other"
    note.write_text("hello\n")
    other.write_text("wss://ws.example.com <-> 1.0\n")
    with pytest.raises(NotARecording):
        venue_of(note)
    with pytest.raises(Unplayable, match="does not speak"):
        examine(other)


@pytest.mark.parametrize("frame", [b'{"type":"match","product_id":7}', b'{"type":"ticker",', b'{"type":"match","x":1}'])
def test_a_damaged_file_is_set_aside(tmp_path, frame):
    path = tmp_path / "damaged"
    path.write_bytes(b"wss://ws-feed.exchange.coinbase.com <-> 1.0\n1618677817.0: " + frame + b"\n")
    with pytest.raises(Unplayable, match="damaged"):
        examine(path)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"1723161254087891268 {}\n", (1_723_161_254_087_891_268, b"{}")),
        (b"1618677817.0618958: []\n", (1_618_677_817_061_895_800, b"[]")),
        (b"wss://x <- 1618677817.02: {}\n", None),
        (b"\n", None),
    ],
)
def test_a_line_is_a_time_and_a_frame(line, found):
    assert received_frame(line) == found


def test_symbols_without_a_recorded_list_are_split_by_their_form(tmp_path):
    line = b'1618677372.5: {"stream":"abcusdt@bookTicker","data":{"u":1,"s":"ABCUSDT"}}\n'
    (tmp_path / "x.ws").write_bytes(b"wss://stream.binance.com:9443/stream <-> 1.0\n" + line)
    (instrument,) = RecordingsSource(tmp_path, speed=1.0).instruments("binance")
    assert (instrument.base, instrument.quote) == ("ABC", "USDT")
