"""The peers under measurement, in their own environment: python -m bench.rate_limits_parts.peers <Redis> <decisions>.

A GCRA that asks Redis at each request, and the moving window of the library `limits`, as slowapi calls it (which blocks
the event loop) and by its asyncio side.
"""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from typing import Any

import redis.asyncio
import uvloop
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage as AsyncRedisStorage
from limits.aio.strategies import MovingWindowRateLimiter as AsyncMovingWindow
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from bench.rate_limits_parts.measure import Cell, at_once, tell, waited_for

SUBJECTS = 100
RATE = 600_000  # a minute
WINDOW = 60  # a minute: the moving window remembers every request, so more would be another measurement

GCRA = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + interval
if arrival - now > period then return {0, arrival - now - period} end
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
return {1, math.floor((period - (arrival - now)) / interval)}
"""


async def main(url: str, decisions: int) -> None:
    """Measure all kinds."""
    client = redis.asyncio.Redis.from_url(url)
    script, subjects = client.register_script(GCRA), turns()
    item = RateLimitItemPerMinute(WINDOW)
    asynchronous = AsyncMovingWindow(AsyncRedisStorage(f"async+{url}", implementation="redispy"))
    storage = RedisStorage(url)
    moving, fixed = MovingWindowRateLimiter(storage), FixedWindowRateLimiter(storage)
    args = [60_000_000 // RATE, 60_000_000]
    await script(keys=["warm-up"], args=args)
    await asynchronous.hit(item, "warm-up")

    def gcra() -> Awaitable[object]:
        return script(keys=[subjects()], args=args)

    def window() -> Awaitable[object]:
        return asynchronous.hit(item, "a", subjects())

    tell(
        [
            await waited_for("GCRA in Redis", gcra, decisions, client),
            await waited_for("GCRA in Redis, 50 at once", gcra, decisions, client, crowd=50),
            await waited_for("limits, moving window", window, decisions, client),
            await waited_for("limits, moving window, 50 at once", window, decisions, client, crowd=50),
            await blocking("slowapi, moving window", lambda: moving.hit(item, "m", subjects()), decisions, client),
            await blocking("slowapi, fixed window", lambda: fixed.hit(item, "f", subjects()), decisions, client),
        ]
    )
    await client.aclose()


async def blocking(name: str, decide: Callable[[], object], count: int, client: Any) -> Cell:
    """Decisions that wait for Redis, and the event loop with them."""
    return replace(await at_once(name, decide, count, client), asked=1.0)


def turns() -> Callable[[], str]:
    """The subjects, one after the other."""
    names, number = [str(subject) for subject in range(SUBJECTS)], count()
    return lambda: names[next(number) % SUBJECTS]


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
