"""Binance's sockets: raw and combined streams, live subscriptions, a ping each 20 s."""

import time

from aiohttp import web

from simulator.market import Frame, MarketSource, Quote, Trade
from simulator.session import Session
from simulator.times import MINUTE, milliseconds
from simulator.venues.base import Venue
from simulator.venues.binance import frames, requests
from simulator.venues.binance.rest import BinanceRest

PING_EVERY = 20.0  # seconds
PONG_WITHIN = 60.0  # seconds, else the connection is cut
COMBINED = "combined "  # prefix of the keys of those who want the wrapper


class Binance(Venue):
    """Binance spot at the paths of stream.binance.com and api.binance.com."""

    name = "binance"

    def __init__(self, source: MarketSource) -> None:
        super().__init__(source)
        self._quotes: dict[str, Quote] = {}
        self._trades: dict[str, Trade] = {}
        self._recorded_tops: dict[str, bytes] = {}
        self._closed_bars: dict[str, int] = {}
        self._rest = BinanceRest(self)

    def routes(self) -> list[web.RouteDef]:
        """Streams and REST."""
        sockets = [web.get(path, self.handle_socket) for path in ("/ws", "/ws/{streams:.+}", "/stream")]
        return sockets + self._rest.routes()

    def latest(self, symbol: str) -> tuple[Quote | None, Trade | None]:
        """The newest quote and trade of a market."""
        recorded = self._recorded_tops.get(symbol)
        quote = frames.quote_of(recorded) if recorded else self._quotes.get(symbol)
        return quote, self._trades.get(symbol)

    def opened(self, session: Session) -> None:
        """Subscribe to the streams named in the address; unknown ones stay silent, as on Binance."""
        path, _, query = session.path.removeprefix(f"/{self.name}").partition("?")
        session.combined = path == "/stream"
        names = query.removeprefix("streams=") if session.combined else path.removeprefix("/ws").strip("/")
        for name in filter(None, names.split("/")):
            self.hub.subscribe(session, _key(session, name))

    def received(self, session: Session, text: str) -> None:
        """Carry out a live request."""
        try:
            request = requests.parse(text)
            session.send(self._answer(session, request))
        except requests.BadRequest as error:
            session.send(error.payload())

    def _answer(self, session: Session, request: requests.Request) -> bytes:
        match request.method:
            case "SUBSCRIBE":
                return self._subscribe(session, request)
            case "UNSUBSCRIBE":
                for name in requests.streams(request):
                    self.hub.unsubscribe(session, _key(session, name))
                return requests.acknowledgement(request)
            case "LIST_SUBSCRIPTIONS":
                return requests.acknowledgement(request, sorted(key.removeprefix(COMBINED) for key in session.keys))
            case "SET_PROPERTY":
                return self._set_combined(session, request)
            case "GET_PROPERTY":
                if request.params != ["combined"]:
                    raise requests.BadRequest(0, "Unknown property", request.id)
                return requests.acknowledgement(request, session.combined)

    def _subscribe(self, session: Session, request: requests.Request) -> bytes:
        names = requests.streams(request)
        if len(session.keys | {_key(session, name) for name in names}) > requests.MAXIMUM_STREAMS:
            raise requests.BadRequest(2, "Invalid request: too many parameters", request.id)
        for name in names:
            self.hub.subscribe(session, _key(session, name))
        return requests.acknowledgement(request)

    def _set_combined(self, session: Session, request: requests.Request) -> bytes:
        match request.params:
            case ["combined", bool(wanted)]:
                names = [key.removeprefix(COMBINED) for key in session.keys]
                for key in list(session.keys):
                    self.hub.unsubscribe(session, key)
                session.combined = wanted
                for name in names:
                    self.hub.subscribe(session, _key(session, name))
                return requests.acknowledgement(request)
            case ["combined", *_]:
                raise requests.BadRequest(1, "Invalid value type: expected Boolean", request.id)
        raise requests.BadRequest(0, "Unknown property", request.id)

    def on_quote(self, quote: Quote) -> None:
        """Publish the book's top."""
        self._quotes[quote.symbol] = quote
        stream = f"{quote.symbol.lower()}@bookTicker"
        if self._wanted(stream):
            self._publish(stream, frames.book_ticker(quote))

    def on_trade(self, trade: Trade) -> None:
        """Publish the trade, alone and as an aggregate."""
        self._trades[trade.symbol] = trade
        symbol, sent_ms = trade.symbol.lower(), milliseconds(time.time_ns())
        if self._wanted(f"{symbol}@trade"):
            self._publish(f"{symbol}@trade", frames.trade(trade, sent_ms))
        if self._wanted(f"{symbol}@aggTrade"):
            self._publish(f"{symbol}@aggTrade", frames.aggregate_trade(trade, sent_ms))

    def on_frame(self, frame: Frame) -> None:
        """Pass a recorded combined frame on byte for byte, and its inside to raw listeners."""
        if frame.trades:
            self._trades[frame.symbol] = frame.trades[-1]
        if frame.channel == "bookTicker":
            self._recorded_tops[frame.symbol] = frame.payload
        stream = f"{frame.symbol.lower()}@{frame.channel}"
        self.hub.publish(COMBINED + stream, frame.payload)
        if self.hub.wanted(stream):
            self.hub.publish(stream, frames.uncombined(frame.payload))

    def every_second(self) -> None:
        """Tickers and candles for those who want them, and pings."""
        if self.source.mode == "generator":
            self._publish_statistics(milliseconds(time.time_ns()))
        now = time.monotonic()
        for session in list(self.hub.sessions):
            if now - session.last_pong_at > PONG_WITHIN:
                self.hub.spawn(session.close(1008, "pong timeout"))
            elif now - session.last_ping_at >= PING_EVERY:
                self.hub.spawn(session.ping())

    def _publish_statistics(self, sent_ms: int) -> None:
        for symbol, quote in self._quotes.items():
            trade = self._trades.get(symbol)
            if trade is None:
                continue
            stream = f"{symbol.lower()}@ticker"
            if self._wanted(stream):
                stats = self.source.day_stats(self.name, symbol)
                self._publish(stream, frames.day_ticker(quote, trade, stats, sent_ms))
            if self._wanted(f"{symbol.lower()}@kline_1m"):
                self._publish_bars(symbol, trade, sent_ms)

    def _publish_bars(self, symbol: str, trade: Trade, sent_ms: int) -> None:
        minute = sent_ms // 1000 // MINUTE * MINUTE
        stream, last_id = f"{symbol.lower()}@kline_1m", trade.trade_id
        payloads = []
        for bar in reversed(self.source.bars(self.name, symbol, minute - MINUTE, minute + MINUTE)):
            closed = bar.open_time < minute
            if not closed or self._closed_bars.get(symbol) != bar.open_time:
                payloads.append(frames.kline(symbol, bar, last_id, sent_ms, closed=closed))
            last_id -= bar.trades
        self._closed_bars[symbol] = minute - MINUTE
        for payload in reversed(payloads):
            self._publish(stream, payload)

    def _wanted(self, stream: str) -> bool:
        return self.hub.wanted(stream) or self.hub.wanted(COMBINED + stream)

    def _publish(self, stream: str, payload: bytes) -> None:
        self.hub.publish(stream, payload)
        if self.hub.wanted(COMBINED + stream):
            self.hub.publish(COMBINED + stream, frames.combined(stream, payload))


def _key(session: Session, stream: str) -> str:
    return COMBINED + stream if session.combined else stream
