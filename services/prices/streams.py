"""Live prices on their way to streams: each waiting reader gets the newest, never a queue of old ones."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from cryptovault.prices.v1.price_pb2 import Price


class Slot:
    """The newest price that one reader has not taken yet."""

    def __init__(self) -> None:
        self._price: Price | None = None
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, price: Price) -> None:
        """Offer a price; one that was not taken gives way to a newer one."""
        if self._price is None or price.seq >= self._price.seq:
            self._price = price
            self._wake.set()

    def close(self) -> None:
        """Let the reader end."""
        self._closed = True
        self._wake.set()

    async def prices(self) -> AsyncIterator[Price]:
        """Each newest price, as soon as there is one, until the slot is closed."""
        while not self._closed:
            await self._wake.wait()
            self._wake.clear()
            price, self._price = self._price, None
            if price is not None:
                yield price


class Streams:
    """All readers, by symbol."""

    def __init__(self) -> None:
        self._slots: defaultdict[str, set[Slot]] = defaultdict(set)

    def put(self, price: Price) -> None:
        """Offer a new price to everybody who reads its symbol."""
        for slot in self._slots.get(price.symbol, ()):
            slot.put(price)

    async def close_when(self, stopping: asyncio.Event) -> None:
        """Let all readers end when the service stops; they would hold up its end otherwise."""
        await stopping.wait()
        for slots in self._slots.values():
            for slot in slots:
                slot.close()

    @contextmanager
    def open(self, symbol: str) -> Iterator[Slot]:
        """A reader's slot, for as long as the block lasts."""
        slot = Slot()
        self._slots[symbol].add(slot)
        try:
            yield slot
        finally:
            self._slots[symbol].discard(slot)
            if not self._slots[symbol]:
                del self._slots[symbol]
