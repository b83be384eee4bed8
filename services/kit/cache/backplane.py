"""How the caches of all processes tell each other what to forget, over NATS.

A message names keys and levels, never values. What cannot be sent is owed and sent when the link is back; what was
missed while it was down cannot be known, so the whole first layer is then forgotten.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from cryptovault.events.v1.events_pb2 import CacheInvalidation
from google.protobuf.message import DecodeError, Message

from services.kit.bus import Delivery
from services.kit.cache.keys import Pattern, parse_pattern
from services.kit.errors import InvalidInput, Unavailable

logger = logging.getLogger(__name__)

SUBJECT = "cv.cache.invalidate"
MAX_OWED = 1000  # patterns; beyond that everything is to be forgotten

EVERYTHING = Pattern(key=None)
Forget = Callable[[Pattern], None]


class Subscription(Protocol):
    """What a subscription offers."""

    async def unsubscribe(self) -> None:
        """Want no more messages."""
        ...


class Link(Protocol):
    """What is needed of the Bus."""

    async def publish(self, subject: str, payload: Message | bytes) -> None:
        """Raises Unavailable when the link is down."""
        ...

    async def subscribe(self, subject: str, handler: Callable[[Delivery], Awaitable[None]]) -> Subscription:
        """Hand every message to the handler."""
        ...

    def on_connect(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Call after every connection."""
        ...


class Backplane:
    """One cache's ear and mouth."""

    def __init__(self, link: Link, cache: str, origin: str, forget: Forget) -> None:
        self._link = link
        self._cache = cache
        self._origin = origin
        self._forget = forget
        self._owed: dict[Pattern, None] = {}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Act on the messages of others for the length of the block."""
        subscription = await self._link.subscribe(SUBJECT, self._hear)
        self._link.on_connect(self._reconnected)
        try:
            yield
        finally:
            await subscription.unsubscribe()

    async def announce(self, pattern: Pattern) -> None:
        """Tell the others to forget; owed while the link is down."""
        self._owed[pattern] = None
        if len(self._owed) > MAX_OWED:
            self._owed = {EVERYTHING: None}
        await self._settle()

    async def _settle(self) -> None:
        owed, self._owed = self._owed, {}
        try:
            await self._link.publish(SUBJECT, self._message(owed))
        except Unavailable:
            self._owed = owed | self._owed

    def _message(self, patterns: dict[Pattern, None]) -> CacheInvalidation:
        return CacheInvalidation(
            cache=self._cache,
            keys=[pattern.key for pattern in patterns if pattern.key is not None],
            patterns=[str(pattern) for pattern in patterns if pattern.key is None],
            origin=self._origin,
        )

    async def _reconnected(self) -> None:
        self._forget(EVERYTHING)
        if self._owed:
            await self._settle()

    async def _hear(self, delivery: Delivery) -> None:
        try:
            message = CacheInvalidation.FromString(delivery.data)
        except DecodeError:
            logger.warning("a message on %s cannot be read", SUBJECT)
            return
        if message.origin == self._origin or message.cache not in ("", self._cache):
            return
        for pattern in _patterns(message):
            self._forget(pattern)


def _patterns(message: CacheInvalidation) -> list[Pattern]:
    try:
        return [Pattern(key=key) for key in message.keys] + [parse_pattern(text) for text in message.patterns]
    except InvalidInput:  # a newer release may know more forms: forgetting too much is always right
        return [EVERYTHING]
