"""A lease in Redis: at most one replica ingests, and what a former holder still writes is refused.

Taken with SET NX PX and a token of one's own; renewed and released only by who holds that token (redis.io,
"Distributed Locks with Redis"). The token is the fence: writes of the latest prices compare it in the same script.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress

from services.kit.cancellation import end
from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.kit.store import Store

logger = logging.getLogger(__name__)

LEASE_KEY = "cv:{prices}:lease"
LIFETIME = 3.0  # seconds
RENEW_EVERY = 0.75  # seconds: another replica takes over at most LIFETIME + RENEW_EVERY after the holder's death

RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
elseif not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0
"""

RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""


class Lease:
    """The right to ingest."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.token = uuid.uuid4().hex
        self._clock = clock
        self._renew = store.script(RENEW)
        self._release = store.script(RELEASE)

    async def while_held(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` whenever this replica holds the lease, and stop it when the lease is lost; for ever.

        While Redis is away the holder goes on, and nobody else can start. Whoever comes first when Redis is back
        gets the lease.
        """
        while True:
            await self._acquire()
            logger.info("this replica ingests")
            running = asyncio.ensure_future(work())
            try:
                await self._hold(running)
            finally:
                await end([running])
                await self._give_up()
            _raise_failure(running)
            logger.warning("another replica ingests")

    async def _acquire(self) -> None:
        while not await self._ask(otherwise=False):
            await self._clock.sleep(RENEW_EVERY)

    async def _hold(self, running: "asyncio.Future[None]") -> None:
        while await self._ask(otherwise=True) and not running.done():
            await asyncio.wait([running], timeout=RENEW_EVERY)

    async def _ask(self, *, otherwise: bool) -> bool:
        try:
            return bool(await self._renew(keys=[LEASE_KEY], args=[self.token, round(LIFETIME * 1000)]))
        except Unavailable:
            return otherwise

    async def _give_up(self) -> None:
        with suppress(Unavailable):
            await self._release(keys=[LEASE_KEY], args=[self.token])


def _raise_failure(work: "asyncio.Future[None]") -> None:
    if not work.cancelled() and (error := work.exception()) is not None:
        raise error
