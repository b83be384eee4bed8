"""The messages of Coinbase Exchange's feed, field for field as its channel pages and the recordings show them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from simulator.market import DayStats, Quote, Trade
from simulator.times import rfc3339

DAYS_IN_VOLUME_30D = 30


def ticker(trade: Trade, quote: Quote, stats: DayStats) -> bytes:
    """Sent with every match; `side` is the taker's here."""
    return (
        f'{{"type":"ticker","sequence":{trade.sequence},"product_id":"{trade.symbol}","price":"{trade.price:f}",'
        f'"open_24h":"{_plain(stats.open)}","volume_24h":"{stats.volume:.8f}","low_24h":"{_plain(stats.low)}",'
        f'"high_24h":"{_plain(stats.high)}","volume_30d":"{stats.volume * DAYS_IN_VOLUME_30D:.8f}",'
        f'"best_bid":"{quote.bid:f}","best_bid_size":"{quote.bid_size:.8f}",'
        f'"best_ask":"{quote.ask:f}","best_ask_size":"{quote.ask_size:.8f}",'
        f'"side":"{trade.side}","time":"{rfc3339(trade.event_ns)}","trade_id":{trade.trade_id},'
        f'"last_size":"{trade.size:f}"}}'
    ).encode()


def match(trade: Trade) -> bytes:
    """A trade; `side` is the MAKER's, the opposite of the taker's."""
    maker_side = "buy" if trade.side == "sell" else "sell"
    return (
        f'{{"type":"match","trade_id":{trade.trade_id},"maker_order_id":"{_order_id(trade, 1)}",'
        f'"taker_order_id":"{_order_id(trade, 2)}","side":"{maker_side}","size":"{trade.size:f}",'
        f'"price":"{trade.price:f}","product_id":"{trade.symbol}","sequence":{trade.sequence},'
        f'"time":"{rfc3339(trade.event_ns)}"}}'
    ).encode()


def last_match(match_frame: bytes) -> bytes:
    """The same match as it is told to a new subscriber."""
    return match_frame.replace(b'"type":"match"', b'"type":"last_match"', 1)


def heartbeat(product_id: str, sequence: int, last_trade_id: int, now_ns: int) -> bytes:
    """Sent each second for each product."""
    return (
        f'{{"type":"heartbeat","last_trade_id":{last_trade_id},"product_id":"{product_id}",'
        f'"sequence":{sequence},"time":"{rfc3339(now_ns)}"}}'
    ).encode()


def subscriptions(channels: Mapping[str, Sequence[str]]) -> bytes:
    """The list of everything a connection is subscribed to now."""
    body: list[dict[str, Any]] = [{"name": name, "product_ids": products} for name, products in channels.items()]
    return msgspec.json.encode({"type": "subscriptions", "channels": body})


def error(message: str, reason: str | None = None) -> bytes:
    """A refusal."""
    body = {"type": "error", "message": message}
    return msgspec.json.encode(body if reason is None else body | {"reason": reason})


def _plain(value: float) -> str:
    return f"{value:.8f}".rstrip("0").rstrip(".")


def _order_id(trade: Trade, which: int) -> str:
    return f"{trade.trade_id & 0xFFFFFFFF:08x}-0000-4000-800{which}-{trade.sequence & 0xFFFFFFFFFFFF:012x}"
