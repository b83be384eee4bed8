"""Atomic operations on Redis and broadcasts over its Pub/Sub, for use beside the cache.

Values are plain data (kept as JSON). A `ttl` is in seconds. Every method raises Unavailable when Redis is away, and
DeadlineExceeded when the caller's time is over.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from services.kit import deadline
from services.kit.store import Store

UPDATES = "updates:"  # prefix of the channels that broadcast_update sends on

# KEYS key  ARGV value, ms -> the value now there
GET_OR_SET = """
local present = redis.call('GET', KEYS[1])
if present then return present end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""

# KEYS key  ARGV ms -> the count. The time runs from the first increment; a counter that lost its time gets a new one.
INCREMENT = """
local count = redis.call('INCR', KEYS[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
"""

# KEYS key  ARGV value, ms -> the value before
SWAP = """
local before = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return before
"""


class RedisOperations:
    """Each operation is one round trip and happens as a whole or not at all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._get_or_set = store.script(GET_OR_SET)
        self._increment = store.script(INCREMENT)
        self._swap = store.script(SWAP)
        self._listeners: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, store: Store) -> AsyncIterator["RedisOperations"]:
        """The operations; subscriptions end with the block."""
        operations = cls(store)
        try:
            yield operations
        finally:
            await operations.close()

    async def get_or_set_atomic(self, key: str, value: object, ttl: float) -> Any:
        """The value that is there; if there is none, `value` after storing it."""
        return msgspec.json.decode(await self._get_or_set([key], [msgspec.json.encode(value), _milliseconds(ttl)]))

    async def increment_with_expiry(self, key: str, ttl: float) -> int:
        """Count one more and return the count; it starts anew `ttl` after its first."""
        return int(await self._increment([key], [_milliseconds(ttl)]))

    async def atomic_swap(self, key: str, value: object, ttl: float) -> Any:
        """Store a value and return the one before it, None if there was none."""
        before = await self._swap([key], [msgspec.json.encode(value), _milliseconds(ttl)])
        return None if before is None else msgspec.json.decode(before)

    async def broadcast_update(self, channel: str, data: object) -> int:
        """Send to the subscribers of `updates:<channel>`; returns how many there were."""
        return await self._store.publish(f"{UPDATES}{channel}", msgspec.json.encode(data))

    async def subscribe(self, channel: str, handler: Callable[[Any], Awaitable[None]]) -> None:
        """Hand the data of every message on `channel` to `handler` from now on, through reconnects, until `close`."""

        async def decode(data: bytes) -> None:
            await handler(msgspec.json.decode(data))

        listening, context = self._store.listen(channel, decode), deadline.lifted()
        listener = asyncio.create_task(listening, name=f"subscribe-{channel}", context=context)
        self._listeners.add(listener)
        listener.add_done_callback(self._listeners.discard)

    async def close(self) -> None:
        """End all subscriptions."""
        listeners = list(self._listeners)
        for listener in listeners:
            listener.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)


def _milliseconds(ttl: float) -> int:
    return max(1, round(ttl * 1000))
