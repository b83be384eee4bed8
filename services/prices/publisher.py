"""From what venues say to published prices: each symbol at once, but not too often, and only when something changed."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from cryptovault.events.v1.events_pb2 import Tick
from cryptovault.prices.v1.price_pb2 import Price
from google.protobuf.message import Message

from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.prices.adapters.wire import STALE_AFTER, aged, to_price
from services.prices.domain.consolidation import Consolidated
from services.prices.domain.market import Market
from services.prices.streams import Streams

logger = logging.getLogger(__name__)

SWEEP_EVERY = 1.0  # seconds
TOLERANCE = 0.001  # seconds


class Events(Protocol):
    """Where events go: NATS, or a fake in tests. Raises Unavailable when the link is down."""

    async def publish(self, subject: str, payload: Message | bytes) -> None:
        """Send to whoever listens."""
        ...


class Latest(Protocol):
    """Where the newest prices are kept for other replicas."""

    def price(self, symbol: str, data: bytes) -> None:
        """Keep a price."""
        ...

    def beat(self) -> None:
        """Say that the ingester is alive."""
        ...


class Publisher:
    """Publishes prices of a market. `touch` is called for every event that may change a price, and stays cheap.

    A symbol that has been quiet is published at once; a busy one at most `hz` times a second, with all that happened
    in between in one price. Once a second every symbol is looked at again: silence makes prices stale.
    """

    def __init__(
        self,
        market: Market,
        events: Events,
        latest: Latest,
        streams: Streams,
        *,
        hz: float,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self._market = market
        self._events = events
        self._latest = latest
        self._streams = streams
        self._interval = 1 / hz
        self._simulated = simulated
        self._clock = clock
        self._waiting: set[str] = set()  # touched, and not published since
        self._due: list[str] = []
        self._wake = asyncio.Event()
        self._next_at: dict[str, float] = {}  # monotonic: not before this moment
        self._sent_at: dict[str, float] = {}  # monotonic
        self._shown: dict[str, Consolidated] = {}  # what was published, to see changes
        self.prices: dict[str, Price] = {}

    def take_over(self, prices: Iterable[Price]) -> None:
        """Begin with the prices that the former ingester left; their sequence goes on."""
        self.prices = {price.symbol: price for price in prices}
        self._shown.clear()

    def forget_all_but(self, listed: Iterable[str]) -> list[str]:
        """Drop the prices that a former ingester left of symbols that nobody lists now; returns which."""
        unlisted = sorted(self.prices.keys() - frozenset(listed))
        for symbol in unlisted:
            del self.prices[symbol]
        return unlisted

    def touch(self, symbol: str) -> None:
        """A venue said something about the symbol."""
        if symbol in self._waiting:
            return
        self._waiting.add(symbol)
        wait = self._next_at.get(symbol, 0.0) - self._clock.monotonic()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._fall_due, symbol)
        else:
            self._fall_due(symbol)

    def _fall_due(self, symbol: str) -> None:
        self._due.append(symbol)
        self._wake.set()

    async def run(self) -> None:
        """Publish what falls due, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            due, self._due = self._due, []
            for symbol in due:
                self._waiting.discard(symbol)
                await self.publish(symbol)

    async def sweep(self) -> None:
        """Look at every symbol once a second, until cancelled."""
        while True:
            await self._clock.sleep(SWEEP_EVERY)
            for symbol in self._market.names:
                await self.publish(symbol, refresh=True)
                await asyncio.sleep(0)  # many symbols must not hold up the feeds
            await self._mark_abandoned()
            self._latest.beat()

    async def publish(self, symbol: str, *, refresh: bool = False) -> None:
        """Publish a symbol's price if it changed; with `refresh` also if venues only repeated themselves."""
        now = self._clock.monotonic()
        price = self._market.price(symbol, now)
        if price is None or not self._is_news(symbol, price, now, refresh=refresh):
            self._next_at[symbol] = now + self._interval / 5  # news may come soon, but not every frame is worth a look
            return
        self._next_at[symbol] = now + self._interval
        self._shown[symbol], self._sent_at[symbol] = price, now
        message = to_price(symbol, price, seq=self._next_seq(symbol), simulated=self._simulated, now=self._clock.time())
        await self._send(message)

    def _is_news(self, symbol: str, price: Consolidated, now: float, *, refresh: bool) -> bool:
        shown = self._shown.get(symbol)
        if shown is None or _essence(price) != _essence(shown):
            return True
        return refresh and _is_refreshed(price, shown, now - self._sent_at[symbol])

    async def _mark_abandoned(self) -> None:
        """Prices of a former ingester that no venue has confirmed since are stale."""
        now = self._clock.time()
        for symbol, price in list(self.prices.items()):
            old = now - price.published_at.ToMilliseconds() / 1000 > STALE_AFTER
            if symbol not in self._shown and price.quality != Price.STALE and old:
                message = aged(price, now, ingested=False)
                message.seq = self._next_seq(symbol)
                message.published_at.FromMilliseconds(round(now * 1000))
                await self._send(message)

    def _next_seq(self, symbol: str) -> int:
        previous = self.prices.get(symbol)
        return 1 if previous is None else previous.seq + 1

    async def _send(self, price: Price) -> None:
        symbol = price.symbol
        self.prices[symbol] = price
        self._streams.put(price)
        self._latest.price(symbol, price.SerializeToString())
        try:
            await self._events.publish(f"cv.tick.{symbol}", Tick(price=price))
        except Unavailable:
            return  # the next tick follows; nothing is owed to who was not there


def _is_refreshed(price: Consolidated, shown: Consolidated, elapsed: float) -> bool:
    """Whether a venue has spoken since, or its 24 hours have moved on."""
    ages = zip(price.used, shown.used, strict=True)
    spoken = any(now.age + TOLERANCE < then.age + elapsed for now, then in ages)
    return spoken or (price.change_24h, price.volume_24h) != (shown.change_24h, shown.volume_24h)


def _essence(price: Consolidated) -> tuple[object, ...]:
    """What a reader would call another price; ages change all the time."""
    venues = tuple(vote.venue for vote in price.used)
    return (price.price, price.bid, price.ask, price.quality, venues, price.rejected)
