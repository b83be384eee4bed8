"""What a recorded frame of each venue is: its channel, its symbol, the trades in it.

Binance and Coinbase frames are passed on byte for byte. Kraken recordings hold WebSocket v1, which today's clients do
not speak: their real prices and sizes are transcoded into v2 frames, digits kept. What v1 lacks is made up plainly:
trade ids count from 1 in the order of the recording, and a ticker's timestamp is its receive time.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from simulator.market import Frame, Side, Trade
from simulator.recordings.lines import nanoseconds
from simulator.times import NANOSECOND_PER_MILLISECOND, parse_rfc3339, rfc3339
from simulator.venues.kraken import frames as kraken_v2

Reader = Callable[[int, bytes], Frame | None]  # receive time and frame in; None for frames that are not replayed

BINANCE_CHANNELS = frozenset({b"bookTicker", b"trade", b"aggTrade", b"kline_1m"})
BINANCE_HEAD = b'{"stream":"'
COINBASE_HEADS = {b'{"type":"%s"' % name.encode(): name for name in ("ticker", "match", "last_match")}
KRAKEN_V2_NAMES = {"XBT": "BTC", "XDG": "DOGE"}


class _BinanceTrade(msgspec.Struct):
    s: str
    p: Decimal
    q: Decimal
    T: int
    m: bool
    t: int = 0
    a: int = 0


class _Combined(msgspec.Struct):
    data: _BinanceTrade


class _CoinbaseMatch(msgspec.Struct):
    product_id: str
    sequence: int
    trade_id: int
    price: Decimal
    time: str
    side: Side
    size: Decimal = Decimal(0)


_binance_trade = msgspec.json.Decoder(_Combined)
_coinbase_match = msgspec.json.Decoder(_CoinbaseMatch)


def binance_reader() -> Reader:
    """Combined frames of the spot streams that the simulator speaks."""

    def read(received_ns: int, payload: bytes) -> Frame | None:
        if not payload.startswith(BINANCE_HEAD):
            return None
        stream = payload[len(BINANCE_HEAD) : payload.index(b'"', len(BINANCE_HEAD))]
        symbol, _, channel = stream.partition(b"@")
        if channel not in BINANCE_CHANNELS:
            return None
        trades = (_trade_of_binance(payload),) if channel in (b"trade", b"aggTrade") else ()
        return Frame("binance", channel.decode(), symbol.decode().upper(), payload, trades)

    return read


def _trade_of_binance(payload: bytes) -> Trade:
    data = _binance_trade.decode(payload).data
    event_ns, trade_id = data.T * NANOSECOND_PER_MILLISECOND, data.t or data.a
    return Trade("binance", data.s, data.p, data.q, "sell" if data.m else "buy", trade_id, event_ns, trade_id)


def coinbase_reader() -> Reader:
    """Tickers and matches. A `last_match` repeats what happened before the recording and is no trade of it."""

    def read(received_ns: int, payload: bytes) -> Frame | None:
        channel = COINBASE_HEADS.get(payload[: payload.find(b",")])
        if channel is None:
            return None
        match = _coinbase_match.decode(payload)
        trades = (_trade_of_coinbase(match),) if channel == "match" else ()
        return Frame("coinbase", channel, match.product_id, payload, trades)

    return read


def _trade_of_coinbase(match: _CoinbaseMatch) -> Trade:
    taker_side: Side = "buy" if match.side == "sell" else "sell"
    event_ns = parse_rfc3339(match.time)
    return Trade(
        "coinbase", match.product_id, match.price, match.size, taker_side, match.trade_id, event_ns, match.sequence
    )


def kraken_reader() -> Reader:
    """Tickers and trades of v1, transcoded into v2."""
    trade_ids: Counter[str] = Counter()

    def read(received_ns: int, payload: bytes) -> Frame | None:
        if not payload.startswith(b"["):
            return None
        message = msgspec.json.decode(payload)
        channel, symbol = message[-2], v2_symbol(message[-1])
        if channel == "ticker":
            return Frame("kraken", channel, symbol, kraken_v2.ticker(_v2_ticker(symbol, message[1], received_ns)))
        if channel != "trade":
            return None
        trades, elements = [], []
        for row in message[1]:
            trade_ids[symbol] += 1
            trades.append(_v1_trade(symbol, row, trade_ids[symbol]))
            elements.append(kraken_v2.trade(trades[-1], "market" if row[4] == "m" else "limit"))
        return Frame("kraken", channel, symbol, kraken_v2.trades(elements), tuple(trades))

    return read


def v2_symbol(v1_symbol: str) -> str:
    """v2 speaks of BTC and DOGE where v1 said XBT and XDG."""
    return "/".join(KRAKEN_V2_NAMES.get(asset, asset) for asset in v1_symbol.split("/"))


def _v2_ticker(symbol: str, data: dict[str, Any], received_ns: int) -> kraken_v2.Ticker:
    """v1 gives today's and the last 24 hours' values side by side; v2 means the latter."""
    last, open_ = Decimal(data["c"][0]), Decimal(data["o"][1])
    return kraken_v2.Ticker(
        symbol=symbol,
        bid=Decimal(data["b"][0]),
        bid_qty=Decimal(data["b"][2]),
        ask=Decimal(data["a"][0]),
        ask_qty=Decimal(data["a"][2]),
        last=last,
        volume=Decimal(data["v"][1]),
        vwap=Decimal(data["p"][1]),
        low=Decimal(data["l"][1]),
        high=Decimal(data["h"][1]),
        change=last - open_,
        change_pct=(100 * (last - open_) / open_).quantize(Decimal("0.01")) if open_ else Decimal(0),
        timestamp=rfc3339(received_ns),
    )


def _v1_trade(symbol: str, row: list[str], trade_id: int) -> Trade:
    price, size, event_time, side = row[:4]
    taker_side: Side = "buy" if side == "b" else "sell"
    return Trade(
        "kraken", symbol, Decimal(price), Decimal(size), taker_side, trade_id, nanoseconds(event_time), trade_id
    )
