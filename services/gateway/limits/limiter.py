"""Shared limits in Redis, by its own clock, with a local answer whenever Redis has none.

A request never waits long for Redis and never fails for its sake. While Redis is away each replica enforces the limit
by itself; routes that guard a secret get a strict share of it, so that an outage opens no door to guessing.
"""

import asyncio
from typing import Protocol

from services.gateway.limits.gcra import MICROSECONDS, Decision, Limit
from services.gateway.limits.local import LocalLimiter
from services.kit.breaker import Breaker
from services.kit.errors import Unavailable

REDIS_TIMEOUT = 0.25  # seconds
STRICT_SHARE = 4  # a route that guards a secret gets this part of its limit while Redis is away
PREFIX = "rl:"

# One round trip and one key, so that it runs on a cluster too. KEYS[1]: the key. ARGV: the cost of a request and the
# window, in microseconds. Returns allowed, remaining, microseconds until full, microseconds to wait.
GCRA_LUA = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local start = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local finish = start + interval
local over = finish - now - period
if over > 0 then
  return {0, 0, start - now, over}
end
redis.call('SET', KEYS[1], string.format('%.0f', finish), 'PX', math.ceil((finish - now) / 1000))
return {1, math.floor((period - (finish - now)) / interval), finish - now, 0}
"""


class Script(Protocol):
    """A Lua script in Redis."""

    async def __call__(self, keys: list[str], args: list[int]) -> list[int]:
        """Run it. Raises Unavailable when Redis is away."""
        ...


class RateLimiter:
    """Counts requests by key."""

    def __init__(self, script: Script, local: LocalLimiter, breaker: Breaker) -> None:
        self._script = script
        self._local = local
        self._breaker = breaker

    async def check(self, key: str, limit: Limit, *, strict: bool) -> Decision:
        """Count one request. `strict`: what guards a secret."""
        try:
            with self._breaker.guard((Unavailable, TimeoutError)):
                async with asyncio.timeout(REDIS_TIMEOUT):
                    answer = await self._script(keys=[PREFIX + key], args=[limit.interval, limit.period])
        except (Unavailable, TimeoutError):
            return self._local.check(key, stricter(limit) if strict else limit)
        allowed, remaining, reset, wait = answer
        return Decision(bool(allowed), remaining, reset / MICROSECONDS, wait / MICROSECONDS)


def stricter(limit: Limit) -> Limit:
    """The share of a limit that holds without Redis for what guards a secret."""
    return Limit(max(1, limit.count // STRICT_SHARE), limit.seconds)
