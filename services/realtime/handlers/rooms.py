"""Broadcasts over NATS, on a subject of each room: a node hears those of the rooms that have members here."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from services.kit.bus import Handler
from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.realtime.handlers.subjects import ROOM_SUBJECT

CONFIRMATION = 1.0  # seconds that a subscriber waits for NATS to know
LINGER = 10.0  # seconds after its last member for which a room is still heard: members come back

AWAY = (Unavailable, TimeoutError, OSError)


class Ending(Protocol):
    """A subscription."""

    async def unsubscribe(self) -> None:
        """Want no more messages."""
        ...


class Subscribing(Protocol):
    """What is needed of the bus."""

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Ending:
        """Hand every message on `subject` to `handler`."""
        ...

    async def ping(self) -> None:
        """Raises unless NATS answers; then it has taken in everything that was sent to it before."""
        ...


@dataclass
class Room:
    """A room that is heard, or about to be."""

    opening: asyncio.Task[None]
    wanted_at: float  # by a monotonic clock
    subscription: Ending | None = None


class Rooms:
    """The rooms that this node hears."""

    def __init__(
        self, bus: Subscribing, handler: Handler, members: Callable[[str], Collection[object]], clock: Clock
    ) -> None:
        self._bus = bus
        self._handler = handler
        self._members = members
        self._clock = clock
        self._rooms: dict[str, Room] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._rooms

    async def hear(self, names: Iterable[str]) -> None:
        """Hear these rooms from now on: whatever is broadcast after this returns arrives.

        When NATS is away it returns all the same; the rooms are heard as soon as NATS is back.
        """
        wanted, now = set(names), self._clock.monotonic()
        self._open(wanted - self._rooms.keys(), now)
        rooms = [self._rooms[name] for name in wanted]
        for room in rooms:
            room.wanted_at = now
        opening = {room.opening for room in rooms if not room.opening.done()}
        if opening:
            await asyncio.wait(opening, timeout=CONFIRMATION)

    async def watch(self) -> None:
        """Let go of rooms that have lost their members, for ever."""
        while True:
            await self._clock.sleep(LINGER / 2)
            await self.tend()

    async def tend(self) -> None:
        """Let go of rooms that have had no members for a while."""
        now = self._clock.monotonic()
        for name, room in list(self._rooms.items()):
            if self._members(name) or not room.opening.done():
                room.wanted_at = now
            elif now - room.wanted_at >= LINGER:
                del self._rooms[name]
                if room.subscription is not None:
                    await room.subscription.unsubscribe()

    def _open(self, names: set[str], now: float) -> None:
        if names:
            opening = asyncio.get_running_loop().create_task(self._subscribe(names))
            self._rooms.update({name: Room(opening, now) for name in names})

    async def _subscribe(self, names: set[str]) -> None:
        for name in names:
            self._rooms[name].subscription = await self._bus.subscribe(f"{ROOM_SUBJECT}{name}", self._handler)
        with suppress(*AWAY):
            await self._bus.ping()
