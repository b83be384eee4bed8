"""Coinbase Exchange's feed: subscriptions, ticker, matches, heartbeat."""

import time

import msgspec
from aiohttp import web

from simulator.market import Frame, MarketSource, Quote, Trade
from simulator.session import Session
from simulator.venues.base import Venue
from simulator.venues.coinbase import frames, requests
from simulator.venues.coinbase.rest import CoinbaseRest

SUBSCRIBE_WITHIN = 5.0  # seconds after connecting, else the connection is cut


class _Position(msgspec.Struct, frozen=True):
    """How far a product's feed has come: all that a heartbeat tells."""

    sequence: int
    trade_id: int


NOWHERE = _Position(0, 0)
_position = msgspec.json.Decoder(_Position)


class Coinbase(Venue):
    """Coinbase Exchange at the paths of ws-feed.exchange.coinbase.com and api.exchange.coinbase.com."""

    name = "coinbase"

    def __init__(self, source: MarketSource) -> None:
        super().__init__(source)
        self._quotes: dict[str, Quote] = {}
        self._positions: dict[str, _Position] = {}
        self._last_tickers: dict[str, bytes] = {}
        self._last_matches: dict[str, bytes] = {}
        self._rest = CoinbaseRest(self)

    def routes(self) -> list[web.RouteDef]:
        """The feed and REST."""
        return [web.get("", self.handle_socket), web.get("/", self.handle_socket), *self._rest.routes()]

    def opened(self, session: Session) -> None:
        """Nothing is said until the client subscribes."""

    def received(self, session: Session, text: str) -> None:
        """Subscribe or unsubscribe, and answer with all subscriptions."""
        try:
            request = requests.parse(text)
            if request.type == "subscribe":
                self._subscribe(session, requests.wanted(request, self.instruments))
            else:
                self._unsubscribe(session, request)
        except requests.BadRequest as error:
            session.send(frames.error(str(error), error.reason))

    def _subscribe(self, session: Session, pairs: list[tuple[str, str]]) -> None:
        fresh = [pair for pair in pairs if _key(*pair) not in session.keys]
        for channel, product in fresh:
            self.hub.subscribe(session, _key(channel, product))
        session.send(_subscriptions(session))
        for channel, product in fresh:
            first = self._first_frame(channel, product)
            if first is not None:
                session.send(first)

    def _first_frame(self, channel: str, product: str) -> bytes | None:
        if channel == "ticker":
            return self._last_tickers.get(product)
        match = self._last_matches.get(product) if channel == "matches" else None
        return frames.last_match(match) if match else None

    def _unsubscribe(self, session: Session, request: requests.Request) -> None:
        pairs = requests.wanted(request, self.instruments)
        keys = {_key(*pair) for pair in pairs}
        whole = {item if isinstance(item, str) else item.name for item in request.channels} - {
            pair[0] for pair in pairs
        }
        for key in list(session.keys):
            if key in keys or key.partition(" ")[0] in whole:
                self.hub.unsubscribe(session, key)
        session.send(_subscriptions(session))

    def on_quote(self, quote: Quote) -> None:
        """Remember the book's top for the next ticker, which comes with a match."""
        self._quotes[quote.symbol] = quote
        if (last := self._positions.get(quote.symbol)) is not None:
            self._positions[quote.symbol] = _Position(quote.sequence, last.trade_id)

    def on_trade(self, trade: Trade) -> None:
        """Publish the match and the ticker that goes with it."""
        symbol = trade.symbol
        self._positions[symbol] = _Position(trade.sequence, trade.trade_id)
        self._publish_match(symbol, frames.match(trade))
        if (quote := self._quotes.get(symbol)) is not None:
            stats = self.source.day_stats(self.name, symbol)
            self._publish_ticker(symbol, frames.ticker(trade, quote, stats))

    def on_frame(self, frame: Frame) -> None:
        """Pass a recorded message on byte for byte; a recorded `last_match` waits for the next subscriber."""
        self._positions[frame.symbol] = _position.decode(frame.payload)
        if frame.channel == "ticker":
            self._publish_ticker(frame.symbol, frame.payload)
        elif frame.channel == "match":
            self._publish_match(frame.symbol, frame.payload)
        else:
            self._last_matches[frame.symbol] = frame.payload

    def _publish_ticker(self, symbol: str, payload: bytes) -> None:
        self._last_tickers[symbol] = payload
        self.hub.publish(_key("ticker", symbol), payload)

    def _publish_match(self, symbol: str, payload: bytes) -> None:
        self._last_matches[symbol] = payload
        self.hub.publish(_key("matches", symbol), payload)

    def every_second(self) -> None:
        """Heartbeats, and an end to those who never subscribed."""
        now_ns, now = time.time_ns(), time.monotonic()
        for symbol in self.instruments:
            key = _key("heartbeat", symbol)
            if self.hub.wanted(key):
                position = self._positions.get(symbol, NOWHERE)
                self.hub.publish(key, frames.heartbeat(symbol, position.sequence, position.trade_id, now_ns))
        for session in list(self.hub.sessions):
            if not session.keys and now - session.opened_at > SUBSCRIBE_WITHIN:
                self.hub.spawn(session.close(1008, "no subscription"))


def _key(channel: str, product: str) -> str:
    return f"{channel} {product}"


def _subscriptions(session: Session) -> bytes:
    channels: dict[str, list[str]] = {}
    for key in sorted(session.keys):
        channel, _, product = key.partition(" ")
        channels.setdefault(channel, []).append(product)
    return frames.subscriptions(channels)
