"""The latest prices and venue states in Redis, so that every replica can serve them."""

import asyncio
import logging
from collections.abc import Iterable
from typing import cast

from cryptovault.prices.v1.price_pb2 import Price, Venue

from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.kit.store import AWAY, Store
from services.prices.adapters.lease import LEASE_KEY, Lease
from services.prices.adapters.wire import STALE_AFTER

logger = logging.getLogger(__name__)

PRICES_KEY = "cv:{prices}:latest"  # hash: symbol -> Price; the braces keep all keys in one slot of a cluster
VENUES_KEY = "cv:{prices}:venues"  # hash: venue -> Venue
BEAT = "_beat"  # field of both: when the ingester last wrote, epoch seconds
PAUSE_WHEN_AWAY = 0.2  # seconds
PAUSE_BETWEEN = 0.02  # seconds: what changes in between travels in one batch

# Writes only while nobody else holds the lease: a replica that lost it without noticing cannot overwrite anything.
WRITE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[2], unpack(ARGV, 2))
return 1
"""
REMOVE = WRITE.replace("HSET", "HDEL")
LARGEST_BATCH = 1000  # fields: Lua's unpack takes about 8,000 values


class LatestWriter:
    """Writes in batches from a task of its own, so that a slow Redis never holds up a feed. The newest value wins."""

    def __init__(self, store: Store, lease: Lease, clock: Clock) -> None:
        self._write = store.script(WRITE)
        self._remove = store.script(REMOVE)
        self._lease = lease
        self._clock = clock
        self._pending: dict[tuple[str, str], bytes] = {}
        self._unlisted: set[str] = set()
        self._wake = asyncio.Event()

    def price(self, symbol: str, data: bytes) -> None:
        """Store a price soon."""
        self._pending[PRICES_KEY, symbol] = data
        self._wake.set()

    def remove(self, symbol: str) -> None:
        """Forget the price of a symbol that nobody lists any more."""
        self._unlisted.add(symbol)
        self._wake.set()

    def venue(self, venue: str, data: bytes) -> None:
        """Store a venue's state soon."""
        self._pending[VENUES_KEY, venue] = data
        self._wake.set()

    def beat(self) -> None:
        """Say that the ingester is alive."""
        now = str(self._clock.time()).encode()
        self._pending[PRICES_KEY, BEAT] = now
        self._pending[VENUES_KEY, BEAT] = now
        self._wake.set()

    async def run(self) -> None:
        """Write what is pending, until cancelled. What cannot be written is kept, with newer values in its place."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            taken, self._pending = self._pending, {}
            try:
                await self._flush(taken)
                await self._clock.sleep(PAUSE_BETWEEN)
            except Unavailable:
                self._pending = taken | self._pending
                self._wake.set()
                await self._clock.sleep(PAUSE_WHEN_AWAY)

    async def _flush(self, taken: dict[tuple[str, str], bytes]) -> None:
        if unlisted := list(self._unlisted)[:LARGEST_BATCH]:
            await self._remove(keys=[LEASE_KEY, PRICES_KEY], args=[self._lease.token, *unlisted])
            self._unlisted.difference_update(unlisted)
        for key in (PRICES_KEY, VENUES_KEY):
            fields = [(field, data) for (owner, field), data in taken.items() if owner == key]
            for begin in range(0, len(fields), LARGEST_BATCH):
                batch = [value for pair in fields[begin : begin + LARGEST_BATCH] for value in pair]
                await self._write(keys=[LEASE_KEY, key], args=[self._lease.token, *batch])


class LatestReader:
    """Reads what the ingester last wrote. Raises Unavailable when Redis is away."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._client = store.client
        self._clock = clock

    async def prices(self) -> tuple[list[Price], bool]:
        """All prices, and whether an ingester is alive."""
        values, alive = await self._all(PRICES_KEY)
        return [Price.FromString(value) for value in values], alive

    async def price(self, symbol: str) -> tuple[Price | None, bool]:
        """One price, None when there is none, and whether an ingester is alive."""
        try:
            value, beat = cast("list[bytes | None]", await self._client.hmget(PRICES_KEY, [symbol, BEAT]))
        except AWAY as error:
            raise Unavailable("Redis is away") from error
        return None if value is None else Price.FromString(value), self._alive(beat)

    async def venues(self) -> tuple[list[Venue], bool]:
        """The state of all venues, and whether an ingester is alive."""
        values, alive = await self._all(VENUES_KEY)
        return [Venue.FromString(value) for value in values], alive

    async def _all(self, key: str) -> tuple[Iterable[bytes], bool]:
        try:
            fields = cast("dict[bytes, bytes]", await self._client.hgetall(key))
        except AWAY as error:
            raise Unavailable("Redis is away") from error
        beat = fields.pop(BEAT.encode(), None)
        return fields.values(), self._alive(beat)

    def _alive(self, beat: bytes | None) -> bool:
        return beat is not None and self._clock.time() - float(beat) <= STALE_AFTER
