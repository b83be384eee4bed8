"""What NATS brings: ticks, candles and broadcasts become calls of the hub. Watches over tokens and slow sockets too.

Broadcasts to everybody are heard always, those to a channel while it has members here (see `rooms`).
"""

import logging
from typing import Protocol

from cryptovault.events.v1.events_pb2 import CandleUpdate, RoomEvent, Tick

from services.kit.bus import Delivery, Handler
from services.kit.clock import Clock
from services.realtime.domain.hub import Hub
from services.realtime.translation import candle_of, packet_of, tick_of, user_event_of

logger = logging.getLogger(__name__)

WATCH_INTERVAL = 0.5  # seconds

EVERYBODY = "*"
ROOM_SUBJECT = "cv.room."
EVERYBODY_SUBJECT = f"{ROOM_SUBJECT}all"  # a subject cannot hold the channel's "*"


class Subscribing(Protocol):
    """What is needed of the bus."""

    async def subscribe(self, subject: str, handler: Handler) -> object:
        """Hand every message on `subject` to `handler`."""
        ...


class SubjectHandlers:
    """Takes what is published for clients."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock

    async def subscribe(self, bus: Subscribing) -> None:
        """Begin to listen."""
        await bus.subscribe("cv.tick.>", self.tick)
        await bus.subscribe("cv.candle.>", self.candle)
        await bus.subscribe(EVERYBODY_SUBJECT, self.room)

    async def tick(self, delivery: Delivery) -> None:
        """A new price."""
        self._hub.meter.ticks_received += 1
        self._hub.market.tick(tick_of(Tick.FromString(delivery.data).price))

    async def candle(self, delivery: Delivery) -> None:
        """A candle that is new or has changed."""
        update = CandleUpdate.FromString(delivery.data)
        self._hub.market.candle(update.symbol, update.interval, candle_of(update.candle))

    async def room(self, delivery: Delivery) -> None:
        """A broadcast to a channel or to everybody."""
        if not self._hub.registry:
            return
        event = RoomEvent.FromString(delivery.data)
        try:
            self._hub.post(event.channel, packet_of(event))
        except ValueError:
            logger.warning("a broadcast on %s carries no event and is dropped", delivery.subject)

    async def user(self, sequence: int, data: bytes) -> None:
        """An event for one user, with its sequence in the stream."""
        event = user_event_of(sequence, data)
        if event is not None:
            self._hub.deliver(event)
        else:
            logger.warning("user event %d carries no JSON object and is dropped", sequence)

    async def watch(self) -> None:
        """Watch over tokens and slow sockets, for ever."""
        while True:
            await self._clock.sleep(WATCH_INTERVAL)
            self._hub.expire()
            self._hub.tend()
