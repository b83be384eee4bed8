"""The payloads of Binance's market streams, field for field as its "WebSocket Streams" page lists them."""

from decimal import Decimal

import msgspec

from simulator.market import Bar, DayStats, Quote, Trade
from simulator.times import DAY, MINUTE, milliseconds


def combined(stream: str, payload: bytes) -> bytes:
    """The wrapper of combined streams."""
    return b'{"stream":"' + stream.encode() + b'","data":' + payload + b"}"


def uncombined(frame: bytes) -> bytes:
    """The payload inside a combined frame, byte for byte."""
    return frame[frame.index(b'"data":') + 7 : -1]


def book_ticker(quote: Quote) -> bytes:
    """Best bid and ask; spot carries no time here."""
    return (
        f'{{"u":{quote.sequence},"s":"{quote.symbol}","b":"{quote.bid:.8f}","B":"{quote.bid_size:.8f}",'
        f'"a":"{quote.ask:.8f}","A":"{quote.ask_size:.8f}"}}'
    ).encode()


def trade(trade: Trade, sent_ms: int) -> bytes:
    """A trade; `m` says that the buyer was the maker, so the taker sold."""
    return _trade("trade", f'"t":{trade.trade_id}', "", trade, sent_ms)


def aggregate_trade(trade: Trade, sent_ms: int) -> bytes:
    """An aggregate of one trade: the generator makes none that fill several orders at one price."""
    ends = f',"f":{trade.trade_id},"l":{trade.trade_id}'
    return _trade("aggTrade", f'"a":{trade.trade_id}', ends, trade, sent_ms)


def _trade(kind: str, identity: str, ends: str, trade: Trade, sent_ms: int) -> bytes:
    buyer_is_maker = "true" if trade.side == "sell" else "false"
    return (
        f'{{"e":"{kind}","E":{sent_ms},"s":"{trade.symbol}",{identity},"p":"{trade.price:.8f}","q":"{trade.size:.8f}"'
        f'{ends},"T":{milliseconds(trade.event_ns)},"m":{buyer_is_maker},"M":true}}'
    ).encode()


def kline(symbol: str, bar: Bar, last_trade_id: int, sent_ms: int, *, closed: bool) -> bytes:
    """The one-minute candle; `x` says that it is final. Trade ids are consecutive: the last tells the first."""
    begin = bar.open_time * 1000
    return (
        f'{{"e":"kline","E":{sent_ms},"s":"{symbol}","k":{{"t":{begin},"T":{begin + MINUTE * 1000 - 1},'
        f'"s":"{symbol}","i":"1m","f":{last_trade_id - bar.trades + 1},"L":{last_trade_id},'
        f'"o":"{bar.open:.8f}","c":"{bar.close:.8f}","h":"{bar.high:.8f}","l":"{bar.low:.8f}","v":"{bar.volume:.8f}",'
        f'"n":{bar.trades},"x":{"true" if closed else "false"},"q":"{bar.quote_volume:.8f}",'
        f'"V":"{bar.taker_buy_volume:.8f}","Q":"{bar.taker_buy_volume * bar.close:.8f}","B":"0"}}}}'
    ).encode()


def day_ticker(quote: Quote, last: Trade, stats: DayStats, sent_ms: int) -> bytes:
    """Statistics of the last 24 hours, with the book's top."""
    return (
        f'{{"e":"24hrTicker","E":{sent_ms},"s":"{quote.symbol}","p":"{stats.change:.8f}",'
        f'"P":"{stats.change_percent:.3f}","w":"{stats.average:.8f}","x":"{stats.open:.8f}","c":"{last.price:.8f}",'
        f'"Q":"{last.size:.8f}","b":"{quote.bid:.8f}","B":"{quote.bid_size:.8f}","a":"{quote.ask:.8f}",'
        f'"A":"{quote.ask_size:.8f}","o":"{stats.open:.8f}","h":"{stats.high:.8f}","l":"{stats.low:.8f}",'
        f'"v":"{stats.volume:.8f}","q":"{stats.quote_volume:.8f}","O":{sent_ms - DAY * 1000},"C":{sent_ms},'
        f'"F":{last.trade_id - stats.trades + 1},"L":{last.trade_id},"n":{stats.trades}}}'
    ).encode()


class _BookTicker(msgspec.Struct):
    u: int
    s: str
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal


class _CombinedBookTicker(msgspec.Struct):
    data: _BookTicker


_decoder = msgspec.json.Decoder(_CombinedBookTicker)


def quote_of(frame: bytes) -> Quote:
    """The quote in a recorded bookTicker frame; its time is unknown and given as 0."""
    data = _decoder.decode(frame).data
    return Quote("binance", data.s, data.b, data.B, data.a, data.A, 0, data.u)
