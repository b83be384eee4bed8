"""Counts wrong credentials, so that guessing and forging cost little: a token to verify, or a key to ask auth about.

A key counts as wrong until auth has answered: so parallel guesses gain nothing. Nobody is refused for that; where as
many are under way as may still be wrong, the next one waits for its turn.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.gateway.limits.gcra import MICROSECONDS, Decision, Limit, decide
from services.kit.clock import Clock
from services.kit.errors import TooManyRequests, Unauthenticated

T = TypeVar("T")

MOST = Limit(20, 60)  # from one address; then nothing that is new is looked at
MAX_ADDRESSES = 10_000  # of which they are counted


class TooManyWrong(TooManyRequests):
    """An address has shown so many wrong credentials that it has to wait."""

    def __init__(self, decision: Decision) -> None:
        super().__init__("too many wrong tokens or API keys", retry_after=decision.retry_after)
        self.decision = decision


class WrongCredentials:
    """Wrong access tokens and API keys by address, counted together (GCRA)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrivals: OrderedDict[str, int] = OrderedDict()
        self._under_way: Counter[str] = Counter()
        self._ended = asyncio.Event()  # one of them; then there is another event

    async def guard(self, address: str, find_out: Callable[[], Awaitable[T]]) -> T:
        """What is found out about a credential. It is wrong, and counted, if that raises Unauthenticated.

        At most as many are under way as may still be wrong. Raises TooManyWrong where that is none.
        """
        while (others := self._under_way[address]) and not self._decide(address, others + 1).allowed:
            await self._ended.wait()
        self.check(address)
        self._under_way[address] += 1
        try:
            return await find_out()
        except Unauthenticated:
            self.count(address)
            raise
        finally:
            self._end(address)

    def check(self, address: str) -> None:
        """Raise TooManyWrong for an address that has shown too many."""
        decision = self._decide(address)
        if not decision.allowed:
            raise TooManyWrong(decision)

    def count(self, address: str) -> None:
        """Count one."""
        _, self._arrivals[address] = decide(MOST, self._arrivals.get(address, 0), self._now())
        self._arrivals.move_to_end(address)
        if len(self._arrivals) > MAX_ADDRESSES:
            self._arrivals.popitem(last=False)

    def _end(self, address: str) -> None:
        self._under_way -= Counter([address])
        self._ended.set()
        self._ended = asyncio.Event()

    def _decide(self, address: str, cost: int = 1) -> Decision:
        return decide(MOST, self._arrivals.get(address, 0), self._now(), cost)[0]

    def _now(self) -> int:
        return int(self._clock.monotonic() * MICROSECONDS)
