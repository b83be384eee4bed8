"""Kraken's WebSocket v2: status, ticker, trade, heartbeat, ping."""

import itertools
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from simulator.market import Frame, MarketSource, Quote, Trade
from simulator.session import Session
from simulator.times import now_rfc3339
from simulator.venues.base import Venue
from simulator.venues.kraken import frames
from simulator.venues.kraken.rest import KrakenRest

SNAPSHOT_TRADES = 50
HEARTBEAT_AFTER = 0.95  # seconds without any message; looked at once a second
FIRST_CONNECTION_ID = 13_834_774_380_200_000_000


class Params(msgspec.Struct, frozen=True):
    """What is asked to be (un)subscribed; a snapshot comes by default for ticker, not for trade."""

    channel: str
    symbol: list[str] = []
    event_trigger: str = "trades"
    snapshot: bool | None = None


class Request(msgspec.Struct, frozen=True):
    """A message of a client; `req_id` comes back in the answer."""

    method: str
    params: Params | None = None
    req_id: int | None = None


@dataclass(frozen=True)
class Reply:
    """Answers one request on the connection it came from."""

    session: Session
    method: str
    req_id: int | None
    time_in: str

    def accept(self, result: dict[str, Any]) -> None:
        """It was carried out."""
        self._send(self.method, result=result, success=True)

    def refuse(self, error: str, **fields: str) -> None:
        """It was not, and why."""
        self._send(self.method, success=False, error=error, **fields)

    def pong(self) -> None:
        """The answer to a ping."""
        self._send("pong")

    def _send(self, method: str, **fields: Any) -> None:
        self.session.send(frames.answer(method, self.req_id, self.time_in, **fields))


class Kraken(Venue):
    """Kraken spot at the paths of ws.kraken.com and api.kraken.com."""

    name = "kraken"

    def __init__(self, source: MarketSource) -> None:
        super().__init__(source)
        self._quotes: dict[str, Quote] = {}
        self._trades: dict[str, Trade] = {}
        self._last_tickers: dict[str, bytes] = {}
        self._last_trades: dict[str, deque[bytes]] = {}
        self._connection_ids = itertools.count(FIRST_CONNECTION_ID)
        self._rest = KrakenRest(self)

    def routes(self) -> list[web.RouteDef]:
        """The v2 socket and REST."""
        return [web.get("/v2", self.handle_socket), *self._rest.routes()]

    def opened(self, session: Session) -> None:
        """Greet with the system's status."""
        session.send(frames.status(next(self._connection_ids)))

    def received(self, session: Session, text: str) -> None:
        """Answer a request; one subscribe request gets one answer per symbol."""
        time_in = now_rfc3339()
        try:
            request = msgspec.json.decode(text, type=Request)
        except msgspec.DecodeError:
            Reply(session, "", None, time_in).refuse("Malformed request")
            return
        reply = Reply(session, request.method, request.req_id, time_in)
        if request.method == "ping":
            reply.pong()
        elif request.method in ("subscribe", "unsubscribe") and request.params is not None:
            self._each_symbol(reply, request.params)
        else:
            reply.refuse("Method not found")

    def _each_symbol(self, reply: Reply, params: Params) -> None:
        if params.channel not in ("ticker", "trade"):
            return reply.refuse("Subscription name invalid")
        if params.event_trigger not in ("bbo", "trades"):
            return reply.refuse("Event trigger not supported")
        if not params.symbol:
            return reply.refuse("Missing field 'symbol'")
        act = self._subscribe if reply.method == "subscribe" else self._unsubscribe
        for symbol in params.symbol:
            if symbol in self.instruments:
                act(reply, params, symbol)
            else:
                reply.refuse(f"Currency pair not supported {symbol}", symbol=symbol)
        return None

    def _subscribe(self, reply: Reply, params: Params, symbol: str) -> None:
        session = reply.session
        if any(key in session.keys for key in _keys(params.channel, symbol)):
            reply.refuse("Already subscribed", symbol=symbol)
            return
        with_snapshot = params.snapshot if params.snapshot is not None else params.channel == "ticker"
        self.hub.subscribe(session, _key(params, symbol))
        result = {"channel": params.channel, "symbol": symbol, "snapshot": with_snapshot}
        if params.channel == "ticker":
            result["event_trigger"] = params.event_trigger
        reply.accept(result)
        snapshot = self._snapshot(params.channel, symbol) if with_snapshot else None
        if snapshot is not None:
            session.send(snapshot)

    def _unsubscribe(self, reply: Reply, params: Params, symbol: str) -> None:
        keys = [key for key in _keys(params.channel, symbol) if key in reply.session.keys]
        if not keys:
            reply.refuse("Subscription Not Found", symbol=symbol)
            return
        self.hub.unsubscribe(reply.session, keys[0])
        reply.accept({"channel": params.channel, "symbol": symbol})

    def _snapshot(self, channel: str, symbol: str) -> bytes | None:
        if channel == "ticker":
            last = self._last_tickers.get(symbol)
            return frames.snapshot(last) if last else None
        elements = self._last_trades.get(symbol)
        return frames.snapshot(frames.trades(elements)) if elements else None

    def on_quote(self, quote: Quote) -> None:
        """Publish a ticker to those who follow the book's top, when a price in it changed."""
        before = self._quotes.get(quote.symbol)
        self._quotes[quote.symbol] = quote
        if before is None or (before.bid, before.ask) != (quote.bid, quote.ask):
            self._publish_ticker(quote.symbol, ["bbo"], quote.event_ns)

    def on_trade(self, trade: Trade) -> None:
        """Publish the trade, and a ticker to those who follow trades."""
        self._trades[trade.symbol] = trade
        self._publish_trades(trade.symbol, frames.trades([frames.trade(trade)]))
        self._publish_ticker(trade.symbol, ["trades"], trade.event_ns)

    def on_frame(self, frame: Frame) -> None:
        """Publish a frame that was transcoded from a v1 recording; its tickers say nothing of what triggered them."""
        if frame.channel == "trade":
            self._publish_trades(frame.symbol, frame.payload)
            return
        self._last_tickers[frame.symbol] = frame.payload
        for trigger in ("bbo", "trades"):
            self.hub.publish(f"ticker {trigger} {frame.symbol}", frame.payload)

    def _publish_ticker(self, symbol: str, triggers: list[str], event_ns: int) -> None:
        quote, trade = self._quotes.get(symbol), self._trades.get(symbol)
        if quote is None or trade is None:
            return
        stats = self.source.day_stats(self.name, symbol)
        tick = self.instruments[symbol].tick
        payload = frames.ticker(frames.ticker_data(quote, trade.price, stats, event_ns, tick))
        self._last_tickers[symbol] = payload
        for trigger in triggers:
            self.hub.publish(f"ticker {trigger} {symbol}", payload)

    def _publish_trades(self, symbol: str, payload: bytes) -> None:
        recent = self._last_trades.setdefault(symbol, deque(maxlen=SNAPSHOT_TRADES))
        recent.append(frames.trade_elements(payload))
        self.hub.publish(f"trade {symbol}", payload)

    def every_second(self) -> None:
        """A heartbeat to each subscriber that heard nothing for a second."""
        now = time.monotonic()
        for session in list(self.hub.sessions):
            if session.keys and now - session.last_sent_at >= HEARTBEAT_AFTER:
                session.send(frames.HEARTBEAT)


def _key(params: Params, symbol: str) -> str:
    return f"ticker {params.event_trigger} {symbol}" if params.channel == "ticker" else f"trade {symbol}"


def _keys(channel: str, symbol: str) -> tuple[str, ...]:
    if channel == "ticker":
        return f"ticker bbo {symbol}", f"ticker trades {symbol}"
    return (f"trade {symbol}",)
