"""The messages of Kraken's WebSocket v2. Prices and sizes are JSON numbers with the digits the venue printed."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from simulator.market import DayStats, Quote, Trade
from simulator.times import now_rfc3339, rfc3339

HEARTBEAT = b'{"channel":"heartbeat"}'
_TRADES_HEAD = b'{"channel":"trade","type":"update","data":['
_TAIL = b"]}"


class Ticker(msgspec.Struct, frozen=True):
    """What a ticker message says, in the order of the wire; numbers are decimals so that digits are kept."""

    symbol: str
    bid: Decimal
    bid_qty: Decimal
    ask: Decimal
    ask_qty: Decimal
    last: Decimal
    volume: Decimal
    vwap: Decimal
    low: Decimal
    high: Decimal
    change: Decimal
    change_pct: Decimal
    timestamp: str


_encoder = msgspec.json.Encoder(decimal_format="number")


def ticker(data: Ticker) -> bytes:
    """An update of the ticker channel."""
    return b'{"channel":"ticker","type":"update","data":[' + _encoder.encode(data) + _TAIL


def ticker_data(quote: Quote, last: Decimal, stats: DayStats, event_ns: int, tick: Decimal) -> Ticker:
    """Put a ticker together from the book's top, the last price and the day's statistics."""
    return Ticker(
        symbol=quote.symbol,
        bid=quote.bid,
        bid_qty=quote.bid_size,
        ask=quote.ask,
        ask_qty=quote.ask_size,
        last=last,
        volume=_rounded(stats.volume, Decimal("0.00000001")),
        vwap=_rounded(stats.average, tick),
        low=_rounded(stats.low, tick),
        high=_rounded(stats.high, tick),
        change=_rounded(stats.change, tick),
        change_pct=_rounded(stats.change_percent, Decimal("0.01")),
        timestamp=rfc3339(event_ns),
    )


def snapshot(update: bytes) -> bytes:
    """The same message as the snapshot told to a new subscriber."""
    return update.replace(b'"type":"update"', b'"type":"snapshot"', 1)


def trade(trade: Trade, order_type: str = "limit") -> bytes:
    """One element of a trade message; `side` is the taker's."""
    return (
        f'{{"symbol":"{trade.symbol}","side":"{trade.side}","price":{trade.price:f},"qty":{trade.size:f},'
        f'"ord_type":"{order_type}","trade_id":{trade.trade_id},"timestamp":"{rfc3339(trade.event_ns)}"}}'
    ).encode()


def trades(elements: Iterable[bytes]) -> bytes:
    """An update of the trade channel."""
    return _TRADES_HEAD + b",".join(elements) + _TAIL


def trade_elements(update: bytes) -> bytes:
    """The elements of a trade message, as one piece."""
    return update[len(_TRADES_HEAD) : -len(_TAIL)]


def status(connection_id: int) -> bytes:
    """Greets each connection."""
    data = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": connection_id}
    return msgspec.json.encode({"channel": "status", "type": "update", "data": [data]})


def answer(method: str, req_id: int | None, time_in: str, **fields: Any) -> bytes:
    """The acknowledgement of a request, or its refusal."""
    body: dict[str, Any] = {"method": method}
    if req_id is not None:
        body["req_id"] = req_id
    return msgspec.json.encode(body | fields | {"time_in": time_in, "time_out": now_rfc3339()})


def _rounded(value: float, step: Decimal) -> Decimal:
    return Decimal(value).quantize(step)
