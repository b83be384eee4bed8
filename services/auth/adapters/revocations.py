"""What is revoked: remembered in Redis until it would have expired by itself, published on NATS at once.

The verifiers hear of it from NATS. While that is away they ask for the list, twice a second.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

import msgspec
from cryptovault.events.v1.events_pb2 import AuthRevoked

from services.auth.domain.model import Ended
from services.kit.bus import Bus
from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.kit.retry import Backoff, retry
from services.kit.store import Store, Value
from services.kit.token_updates import REVOKED_SUBJECT

logger = logging.getLogger(__name__)

KEY = "cv:auth:revoked"
MARGIN = 60.0  # seconds that clocks may differ
BACKOFF = Backoff(base=0.05, cap=0.2)

# KEYS the sorted set  ARGV now, then pairs of expiry (seconds since 1970 UTC) and entry
_ADD = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
for i = 2, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 0
"""
# KEYS the sorted set  ARGV now -> entries and expiries in turn
_LIST = "return redis.call('ZRANGE', KEYS[1], ARGV[1], '+inf', 'BYSCORE', 'WITHSCORES')"


class RedisRevocations:
    """Implements the port Revocations."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, life: float) -> None:
        self._add = store.script(_ADD)
        self._list = store.script(_LIST)
        self._bus = bus
        self._clock = clock
        self._life = life  # seconds that what is revoked might count for if nobody said that it is

    async def announce(self, ended: Sequence[Ended]) -> None:
        """Remember and publish. Raises Unavailable when it could not be remembered."""
        expires_at = self._clock.time() + self._life + MARGIN
        args: list[Value] = [self._clock.time()]
        for item in ended:
            args += [expires_at, msgspec.json.encode(item)]
        try:
            await retry(lambda: self._add([KEY], args), backoff=BACKOFF, retry_on=(Unavailable,))
        finally:  # whoever hears of it now need not wait for Redis
            await self._publish([replace(item, expires_at=expires_at) for item in ended])

    async def unexpired(self) -> Sequence[Ended]:
        """What is remembered."""
        answer: list[bytes] = await self._list([KEY], [self._clock.time()])
        pairs = zip(answer[::2], answer[1::2], strict=True)
        return [replace(msgspec.json.decode(entry, type=Ended), expires_at=float(expiry)) for entry, expiry in pairs]

    async def _publish(self, ended: Sequence[Ended]) -> None:
        try:
            for item in ended:
                await self._bus.publish(REVOKED_SUBJECT, _event(item))
        except Unavailable:
            logger.warning("NATS is away: a revocation is found in the list only")


def _event(ended: Ended) -> AuthRevoked:
    event = AuthRevoked(user_id=ended.user_id, session_id=ended.session_id, epoch=ended.epoch, reason=ended.reason)
    event.expires_at.FromMilliseconds(round(ended.expires_at * 1000))
    return event
