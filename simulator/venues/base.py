"""What every fake exchange is: routes, a reaction to each market event, and something to do each second."""

import abc
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from simulator.faults import Fault
from simulator.hub import Hub
from simulator.market import Event, Frame, Instrument, MarketSource, Quote, Trade
from simulator.session import Session, serve_socket

SIMULATED = {"X-CryptoVault-Simulated": "1"}


class Venue(abc.ABC):
    """A fake exchange: it turns market events into its own frames and answers its own requests."""

    name: str

    def __init__(self, source: MarketSource) -> None:
        self.source = source
        self.hub = Hub()
        self.instruments: dict[str, Instrument] = {item.symbol: item for item in source.instruments(self.name)}

    @abc.abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """Its WebSocket and REST addresses, without the venue's prefix."""

    @abc.abstractmethod
    def opened(self, session: Session) -> None:
        """A client connected."""

    @abc.abstractmethod
    def received(self, session: Session, text: str) -> None:
        """A client sent a text message."""

    @abc.abstractmethod
    def on_quote(self, quote: Quote) -> None:
        """The best bid or ask of a market changed."""

    @abc.abstractmethod
    def on_trade(self, trade: Trade) -> None:
        """A trade happened."""

    @abc.abstractmethod
    def on_frame(self, frame: Frame) -> None:
        """A recorded frame falls due."""

    @abc.abstractmethod
    def every_second(self) -> None:
        """Heartbeats, pings, and whatever else the venue does once a second."""

    def receive(self, event: Event) -> None:
        """Take a market event; a liar's prices are bent first."""
        if isinstance(event, Frame):
            self.on_frame(event)
            return
        factor = self.hub.faults.price_factor
        if isinstance(event, Quote):
            self.on_quote(event if factor is None else self._bent_quote(event, factor))
        else:
            self.on_trade(event if factor is None else self._bent_trade(event, factor))

    def _bent_quote(self, quote: Quote, factor: float) -> Quote:
        return msgspec.structs.replace(
            quote, bid=self._bent(quote.symbol, quote.bid, factor), ask=self._bent(quote.symbol, quote.ask, factor)
        )

    def _bent_trade(self, trade: Trade, factor: float) -> Trade:
        return msgspec.structs.replace(trade, price=self._bent(trade.symbol, trade.price, factor))

    def _bent(self, symbol: str, price: Decimal, factor: float) -> Decimal:
        tick = self.instruments[symbol].tick
        return max(tick, (price * Decimal(str(factor))).quantize(tick))

    async def handle_socket(self, request: web.Request) -> web.WebSocketResponse:
        """The WebSocket address of the venue."""
        return await serve_socket(request, self.hub, self, SIMULATED)

    @property
    def refusing(self) -> bool:
        """Whether new connections and requests are rejected now."""
        return self.hub.faults.has(Fault.REFUSE)


def json_response(body: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
