"""User events in JetStream: what happens now, and what a user missed. An event's id is its sequence in the stream."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from services.kit.bus import USER_EVENTS, Bus
from services.kit.errors import Unavailable

logger = logging.getLogger(__name__)

STREAM = USER_EVENTS.name or ""
SUBJECT = "cv.user."
BATCH = 100  # messages
WAIT = 2.0  # seconds: longest time until a consumer that the server has forgotten is noticed
PAUSE = 0.2  # seconds between two attempts
READ_TIMEOUT = 2.0  # seconds
IDLE = 30.0  # seconds after which the server forgets a consumer that nobody reads

AWAY = (nats.errors.Error, OSError, TimeoutError)

Handler = Callable[[int, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stored:
    """One event as the stream keeps it."""

    id: int
    data: bytes


class UserEvents:
    """Reads the stream."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._last: int | None = None  # the last event seen

    async def follow(self, handler: Handler, began: Callable[[int], None]) -> None:
        """Hand every event from now on to `handler`, each once and in order, through outages of NATS, for ever.

        `began` is told the last event that is not handed on, at first and when the stream has begun anew.
        """
        while True:
            if self._bus.connected:
                try:
                    await self._follow(handler, began)
                except AWAY as error:
                    logger.debug("user events are interrupted: %r", error)
            await asyncio.sleep(PAUSE)

    async def after(self, user_id: str, after: int, limit: int) -> list[Stored]:
        """A user's events with an id larger than `after`, oldest first. Raises Unavailable when NATS is away."""
        if not self._bus.connected:
            raise Unavailable("NATS is away")
        try:
            info = await self._bus.jetstream.stream_info(STREAM)
            if after >= info.state.last_seq:
                return []
            async with self._reader(SUBJECT + user_id, after + 1) as reader:
                pending = (await reader.consumer_info()).num_pending or 0
                return await _read(reader, min(pending, limit))
        except AWAY as error:
            raise Unavailable("the notifications cannot be read at the moment") from error

    async def _follow(self, handler: Handler, began: Callable[[int], None]) -> None:
        last = (await self._bus.jetstream.stream_info(STREAM)).state.last_seq
        if self._last is None or last < self._last:  # the first time, or the stream began anew
            self._last = last
            began(last)
        async with self._reader(f"{SUBJECT}>", self._last + 1) as reader:
            while True:
                with suppress(TimeoutError):
                    for message in await reader.fetch(BATCH, timeout=WAIT):
                        await self._hand_on(message, handler)

    async def _hand_on(self, message: Msg, handler: Handler) -> None:
        sequence = message.metadata.sequence.stream
        if self._last is not None and sequence <= self._last:
            return
        self._last = sequence
        try:
            await handler(sequence, message.data)
        except Exception:
            logger.exception("user event %d could not be delivered", sequence)

    @asynccontextmanager
    async def _reader(self, subject: str, start: int) -> AsyncIterator[JetStreamContext.PullSubscription]:
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=start,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=IDLE,
            mem_storage=True,
        )
        reader = await self._bus.jetstream.pull_subscribe(subject, stream=STREAM, config=config)
        try:
            yield reader
        finally:
            with suppress(*AWAY):
                await self._forget(reader)

    async def _forget(self, reader: JetStreamContext.PullSubscription) -> None:
        name = (await reader.consumer_info()).name
        await reader.unsubscribe()
        await self._bus.jetstream.delete_consumer(STREAM, name)


async def _read(reader: JetStreamContext.PullSubscription, count: int) -> list[Stored]:
    found: list[Stored] = []
    while len(found) < count:
        messages = await reader.fetch(count - len(found), timeout=READ_TIMEOUT)
        found.extend(Stored(message.metadata.sequence.stream, message.data) for message in messages)
    return found
