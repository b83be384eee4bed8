"""Picks a replica for every call: the less busy of two that are drawn (Mitzenmacher, "The Power of Two Choices", 2001).

A replica of which the last call went unanswered is in doubt: it is asked how it is, and calls go to others meanwhile.
One that cannot be connected to, whose breaker is not closed, or that is ejected as an outlier, is left out in the same
way. All this is preference: where nobody is fit, whoever a breaker still lets in is called. Only where no breaker lets
anybody in, calls are refused at once.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter

import grpc

from services.gateway.balancing.outliers import is_outlier
from services.gateway.balancing.replica import Replica
from services.gateway.balancing.resolver import Resolver
from services.gateway.balancing.verdict import Verdict
from services.kit import telemetry
from services.kit.breaker import State
from services.kit.cancellation import together
from services.kit.errors import Unavailable
from services.kit.rpc import plain_channel

logger = logging.getLogger(__name__)

LOOKED_UP_EVERY = 5.0  # seconds; sooner when a call goes unanswered
PAUSE = 1.0  # seconds from one look-up, or one round of questions to those in doubt, to the next
MOST_OUT = 0.5  # share of the replicas from where on none is ejected

Connect = Callable[[str], grpc.aio.Channel]
Load = Callable[[Replica], int]

CALLS: Load = attrgetter("in_flight")
STREAMS: Load = attrgetter("streams")


class Balancer:
    """The replicas of one service."""

    def __init__(
        self, service: str, resolver: Resolver, now: Callable[[], float], connect: Connect = plain_channel
    ) -> None:
        self.service = service
        self.replicas: tuple[Replica, ...] = ()
        self._resolver = resolver
        self._now = now
        self._connect = connect
        self._gone: list[Replica] = []
        self._doubt = asyncio.Event()
        self._stale = asyncio.Event()
        self._adopt()

    def pick(self, tried: Collection[Replica] = (), load: Load = CALLS) -> Replica:
        """A replica for a call, one that was not tried if there is one. Raises Unavailable when none may be called."""
        fit = [replica for replica in self.replicas if replica.fit and replica not in tried]
        return _less_busy(fit or self._next_best(tried), load)

    def _next_best(self, tried: Collection[Replica]) -> Sequence[Replica]:
        """Those that are left out come last, and before them those that were tried."""
        able = [replica for replica in self.replicas if replica.breaker.allows()]
        if not able:
            raise Unavailable(f"{self.service} is not answering", retry_after=self._retry_after())
        better = [replica for replica in able if not replica.left_out] or able
        return [replica for replica in better if replica not in tried] or better

    def _retry_after(self) -> float:
        return min((replica.breaker.retry_after for replica in self.replicas), default=1.0)

    def order(self) -> Sequence[Replica]:
        """All replicas, those first that would rather be called."""
        return sorted(self.replicas, key=lambda replica: (not replica.fit, replica.in_flight))

    @property
    def state(self) -> State:
        """Of the service as a whole: as good as its best replica."""
        states = {replica.breaker.state for replica in self.replicas}
        return next((state for state in (State.CLOSED, State.HALF_OPEN) if state in states), State.OPEN)

    def allows(self) -> bool:
        """Whether a call may begin now."""
        return any(replica.breaker.allows() for replica in self.replicas)

    def heed(self, replica: Replica, verdict: Verdict) -> None:
        """A call has ended at a replica, and not well: it failed, or too many there were slow."""
        if replica.breaker.doubted:
            self._doubt.set()
        if verdict is Verdict.AWAY:
            self._stale.set()
        if self._may_eject(replica):
            replica.record.eject()

    def _may_eject(self, replica: Replica) -> bool:
        out = 1 + sum(other.left_out for other in self.replicas if other is not replica)
        return (
            not replica.left_out
            and out <= MOST_OUT * len(self.replicas)
            and is_outlier(replica.record, [other.record for other in self.replicas if other is not replica])
        )

    async def look_up(self) -> None:
        """Bring the set of replicas up to date."""
        await self._resolver.refresh()
        self._adopt()

    async def run(self) -> None:
        """Keep the replicas, and what is known of them, up to date; until cancelled. A fault does not end it."""
        while True:
            try:
                return await together((self._follow, self._sound))
            except Exception as error:
                logger.exception("balancing %s failed and goes on", self.service)
                telemetry.capture(error)
            await asyncio.sleep(PAUSE)

    async def _follow(self) -> None:
        """Look up the replicas now and then. Those that have gone are closed when nothing is under way there."""
        while self._resolver.changes:
            await _within(self._stale, LOOKED_UP_EVERY if self.replicas else PAUSE)
            self._stale.clear()
            await self.see_off()  # those of the last time: nobody is about to ask them something any more
            await self.look_up()
            await asyncio.sleep(PAUSE)

    def _adopt(self) -> None:
        known = {replica.address: replica for replica in self.replicas}
        servers = self._resolver.servers
        self.replicas = tuple(known.get(server) or self._new(server) for server in servers)
        self._gone.extend(replica for address, replica in known.items() if address not in servers)

    def _new(self, server: str) -> Replica:
        replica = Replica(self.service, server, self._connect(server), self._now)
        replica.connect()
        return replica

    async def see_off(self) -> None:
        """Close those that have gone and have nothing under way any more."""
        idle = [replica for replica in self._gone if replica.idle]
        self._gone = [replica for replica in self._gone if not replica.idle]
        await asyncio.gather(*(replica.close() for replica in idle))

    async def _sound(self) -> None:
        """Ask those in doubt how they are, as long as there are any."""
        while True:
            while in_doubt := [replica for replica in self.replicas if replica.breaker.doubted]:
                await asyncio.gather(*(replica.sound() for replica in in_doubt))
                await asyncio.sleep(PAUSE)
            await self._doubt.wait()
            self._doubt.clear()

    async def close(self) -> None:
        """End all channels."""
        await asyncio.gather(*(replica.close() for replica in (*self.replicas, *self._gone)))


def _less_busy(replicas: Sequence[Replica], load: Load) -> Replica:
    """One of two that are drawn; never raises, since there is at least one."""
    count = len(replicas)
    if count == 1:
        return replicas[0]
    first = int(random.random() * count)
    second = (first + 1 + int(random.random() * (count - 1))) % count
    return min(replicas[first], replicas[second], key=load)


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, for so long at most."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
