"""The present: latest prices and the state of the venues."""

from collections.abc import Iterable

from cryptovault.prices.v1.price_pb2 import Price, Venue

from services.kit.clock import Clock
from services.prices.adapters.latest import LatestReader
from services.prices.adapters.wire import aged, to_venue
from services.prices.tenure import Role


class Board:
    """From this replica's own memory while it ingests, else from what the ingester left in Redis.

    All methods raise Unavailable when another replica ingests and Redis is away.
    """

    def __init__(self, role: Role, reader: LatestReader, clock: Clock) -> None:
        self._role = role
        self._reader = reader
        self._clock = clock

    async def prices(self) -> list[Price]:
        """All prices as they are now, sorted by symbol."""
        if self._role.tenure is not None:
            return self._aged(self._role.tenure.publisher.prices.values(), ingested=True)
        prices, alive = await self._reader.prices()
        return self._aged(prices, ingested=alive)

    async def price(self, symbol: str) -> Price | None:
        """One price as it is now; None when no venue has named one yet."""
        if self._role.tenure is not None:
            own = self._role.tenure.publisher.prices.get(symbol)
            return None if own is None else aged(own, self._clock.time(), ingested=True)
        price, alive = await self._reader.price(symbol)
        return None if price is None else aged(price, self._clock.time(), ingested=alive)

    async def venues(self) -> list[Venue]:
        """The state of every feed, sorted by name; nothing is connected when nobody ingests."""
        if self._role.tenure is not None:
            return sorted((to_venue(item.state()) for item in self._role.tenure.monitors), key=lambda item: item.venue)
        venues, alive = await self._reader.venues()
        for venue in venues:
            venue.connected = venue.connected and alive
        return sorted(venues, key=lambda item: item.venue)

    def _aged(self, prices: Iterable[Price], *, ingested: bool) -> list[Price]:
        now = self._clock.time()
        return sorted((aged(price, now, ingested=ingested) for price in prices), key=lambda price: price.symbol)
