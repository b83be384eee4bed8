"""Attempts to sign in, counted in Redis per account and address before each is made.

The first few failures are free; from then on each doubles the delay before the next attempt, from one second to a
quarter of an hour. Nobody is locked out for good, and a stranger slows down only attempts from the stranger's own
address. At most as many attempts run at once as may still fail for free, so parallel guesses gain nothing; the rest
wait for their turn. An attempt that ends without a result, since its time is over, its client gone or something away,
has told nobody anything, and is taken back.

When Redis is away no password is tried: a session could not begin anyway, and the answer would tell right from
wrong.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress

from services.kit import deadline
from services.kit.clock import Clock
from services.kit.errors import DeadlineExceeded, TooManyRequests, Unavailable
from services.kit.store import Store

LONGEST_DELAY = 15 * 60_000  # ms
MEMORY = 12 * 3600_000  # ms without a failure after which all is forgotten
LOST_AFTER = 15_000  # ms after which an attempt without a result counts as failed: its process died
PATIENCE = 4.0  # seconds to wait for one's turn
POLL = 0.05  # seconds

_PRELUDE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function fail(free, longest, memory)
  local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
  local over = failures - free
  if over >= 0 then
    redis.call('HSET', KEYS[1], 'until', now + math.min(tonumber(longest), 1000 * 2 ^ math.min(over, 30)))
  end
  redis.call('PEXPIRE', KEYS[1], memory)
end
"""

# KEYS the attempts  ARGV attempt's id, free failures, longest delay ms, memory ms, ms until an attempt counts as lost
# -> ms to wait because of failures; 0: go ahead; -1: wait for the attempts that are under way
_BEGIN = (
    _PRELUDE
    + """
local fields = redis.call('HGETALL', KEYS[1])
local busy = 0
for i = 1, #fields, 2 do
  local name, value = fields[i], tonumber(fields[i + 1])
  if name ~= 'failures' and name ~= 'until' then
    if now - value > tonumber(ARGV[5]) then
      redis.call('HDEL', KEYS[1], name)
      fail(ARGV[2], ARGV[3], ARGV[4])
    else
      busy = busy + 1
    end
  end
end
local state = redis.call('HMGET', KEYS[1], 'failures', 'until')
local blocked = tonumber(state[2] or 0)
if blocked > now then return blocked - now end
if busy >= math.max(1, ARGV[2] - (state[1] or 0)) then return -1 end
redis.call('HSET', KEYS[1], ARGV[1], now)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 0
"""
)

# KEYS the attempts  ARGV attempt's id, free failures, longest delay ms, memory ms
_FAILED = _PRELUDE + "redis.call('HDEL', KEYS[1], ARGV[1]) fail(ARGV[2], ARGV[3], ARGV[4]) return 0"


class RedisAttempts:
    """Implements the port Attempts."""

    def __init__(self, store: Store, clock: Clock, free_failures: int) -> None:
        self._begin = store.script(_BEGIN)
        self._failed = store.script(_FAILED)
        self._forgotten = store.script("return redis.call('DEL', KEYS[1])")
        self._cancelled = store.script("return redis.call('HDEL', KEYS[1], ARGV[1])")
        self._clock = clock
        self._rules = (free_failures, LONGEST_DELAY, MEMORY)

    async def guard(self, email: str, ip: str, check: Callable[[], Awaitable[bool]]) -> bool:
        """The result of `check`, an attempt that is counted before it is made."""
        key, attempt = _key(email, ip), secrets.token_hex(8)
        try:
            await self._wait_for_turn(key, attempt)
            fits = await check()
        except (Unavailable, DeadlineExceeded, asyncio.CancelledError):
            await self._take_back(key, attempt)
            raise
        if fits:
            await self._forgotten([key])
        else:
            await self._failed([key], [attempt, *self._rules])
        return fits

    async def _take_back(self, key: str, attempt: str) -> None:
        """Count nothing, though the caller's time may be over and its task cancelled."""
        with suppress(Unavailable):  # then it counts as failed, as what is lost does
            taken = asyncio.create_task(self._cancelled([key], [attempt]), context=deadline.lifted())
            await asyncio.shield(taken)

    async def _wait_for_turn(self, key: str, attempt: str) -> None:
        deadline = self._clock.monotonic() + PATIENCE
        while (wait := await self._begin([key], [attempt, *self._rules, LOST_AFTER])) != 0:
            if wait > 0:
                raise _too_many(wait / 1000)
            if self._clock.monotonic() > deadline:
                raise _too_many(1.0)
            await self._clock.sleep(POLL)


def _too_many(seconds: float) -> TooManyRequests:
    return TooManyRequests("too many attempts to sign in; try again later", retry_after=seconds)


def _key(email: str, ip: str) -> str:
    """No address stands in Redis in plain."""
    return "cv:auth:attempts:" + hashlib.sha256(f"{email}\n{ip}".encode()).hexdigest()[:32]
