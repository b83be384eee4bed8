"""The multi-layer cache that services embed.

    async with Cache.open("users", store=store, bus=bus, replica=runtime.replica_id) as cache:
        value = await cache.get("user:123", populate_callback=fetch)
        await cache.set("price:btc", 50000, ttl=60)
        await cache.delete("user:123")
        await cache.invalidate_pattern("user:*")

Reading order: cache (what it does), local (process memory), second_layer and redis_shared (Redis), backplane (NATS).
"""

from services.kit.cache.cache import Cache
from services.kit.cache.codec import Codec, Msgpack
from services.kit.cache.local import MISSING, Missing
from services.kit.cache.options import CacheOptions
from services.kit.cache.statistics import CacheStatistics

__all__ = ["MISSING", "Cache", "CacheOptions", "CacheStatistics", "Codec", "Missing", "Msgpack"]
