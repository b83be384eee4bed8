"""How Redis itself is doing."""

import asyncio

import redis.exceptions
from cryptovault.cache.v1.stats_pb2 import RedisStats

from services.kit.errors import Unavailable
from services.kit.store import AWAY, Store

TIMEOUT = 0.5  # seconds


async def redis_stats(store: Store) -> RedisStats:
    """The figures of INFO and DBSIZE. Raises Unavailable when Redis does not answer soon."""
    try:
        async with asyncio.timeout(TIMEOUT):
            info, keys = await asyncio.gather(store.client.info(), store.client.dbsize())
    except (*AWAY, redis.exceptions.RedisError) as error:
        raise Unavailable("Redis is away") from error
    return RedisStats(
        used_memory_bytes=info["used_memory"],
        keys=keys,
        commands_per_second=info["instantaneous_ops_per_sec"],
        connected_clients=info["connected_clients"],
        evicted_keys=info["evicted_keys"],
        expired_keys=info["expired_keys"],
    )
