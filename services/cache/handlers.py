"""The RPCs of CacheService."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from cryptovault.cache.v1.cache_service_pb2 import (
    GetStatsRequest,
    GetStatsResponse,
    InvalidateRequest,
    InvalidateResponse,
)
from cryptovault.cache.v1.cache_service_pb2_grpc import CacheServiceServicer
from cryptovault.cache.v1.stats_pb2 import RedisStats
from cryptovault.events.v1.events_pb2 import CacheInvalidation, ServiceStats
from google.protobuf.message import Message

from services.cache.domain import Reports, total
from services.kit.bus import Delivery
from services.kit.cache.backplane import SUBJECT
from services.kit.cache.keys import Pattern, parse_pattern
from services.kit.caller import caller_of
from services.kit.clock import Clock
from services.kit.errors import Unavailable

logger = logging.getLogger(__name__)


class SecondLayers(Protocol):
    """What of all caches lies in Redis."""

    async def forget(self, pattern: Pattern, names: set[str]) -> int:
        """Forget in the named caches and all others known; returns how many entries were removed."""
        ...


ReadRedis = Callable[[], Awaitable[RedisStats]]


class Publisher(Protocol):
    """What of the Bus is needed."""

    async def publish(self, subject: str, payload: Message | bytes) -> None:
        """Raises Unavailable."""
        ...


class CacheHandlers(CacheServiceServicer):
    """Answers from the reports of all replicas, and from Redis."""

    def __init__(
        self,
        reports: Reports,
        layers: SecondLayers,
        read_redis: ReadRedis,
        bus: Publisher,
        clock: Clock,
        *,
        origin: str,
    ) -> None:
        self._reports = reports
        self._layers = layers
        self._read_redis = read_redis
        self._bus = bus
        self._clock = clock
        self._origin = origin

    async def heard(self, delivery: Delivery) -> None:
        """Take in what a replica says of itself on cv.stats.<SERVICE>."""
        self._reports.hear(ServiceStats.FromString(delivery.data), self._clock.monotonic())

    async def GetStats(self, request: GetStatsRequest, context: Any) -> GetStatsResponse:
        """Every cache, their sum, and Redis unless it is away."""
        caches = self._reports.caches(self._clock.monotonic())
        return GetStatsResponse(total=total(caches), caches=caches, redis=await self._redis())

    async def Invalidate(self, request: InvalidateRequest, context: Any) -> InvalidateResponse:
        """Forget in Redis, then tell every process. Raises Unavailable when either cannot be reached: try again."""
        caller = caller_of(context)
        caller.require_scope("admin")
        pattern = parse_pattern(request.pattern)
        removed = await self._layers.forget(pattern, self._reports.names(self._clock.monotonic()))
        await self._bus.publish(SUBJECT, self._message(pattern))
        logger.info("%s invalidated %s: %d entries removed", caller.user_id, pattern, removed)
        return InvalidateResponse(removed=removed)

    async def _redis(self) -> RedisStats | None:
        try:
            return await self._read_redis()
        except Unavailable:
            return None

    def _message(self, pattern: Pattern) -> CacheInvalidation:
        if pattern.key is not None:
            return CacheInvalidation(keys=[pattern.key], origin=self._origin)
        return CacheInvalidation(patterns=[str(pattern)], origin=self._origin)
