"""Keeps a second layer that is away from hurting anybody, and pays it later what it missed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.kit import deadline
from services.kit.breaker import Breaker
from services.kit.cache.keys import Pattern
from services.kit.cache.shared import SharedStore
from services.kit.clock import Clock
from services.kit.errors import Unavailable

T = TypeVar("T")

MAX_OWED = 100  # patterns; beyond that everything is to be forgotten


class Guard:
    """Asks behind a circuit breaker.

    An invalidation that could not be done is owed, and nothing is read before all that is owed has been done: otherwise
    the old value would be found again when Redis comes back. For the same reason no caller's deadline ends a question:
    what has changed must be forgotten, and Redis has a short time of its own to answer.
    """

    def __init__(self, shared: SharedStore, name: str, clock: Clock) -> None:
        self.errors = 0
        self._shared = shared
        self._breaker = Breaker(f"Redis for the cache {name}", clock=clock)
        self._owed: dict[Pattern, object] = {}

    async def ask(self, work: Callable[[SharedStore], Awaitable[T]]) -> T:
        """The answer of the second layer. Raises Unavailable when it is away."""
        with deadline.within(None), self._breaker.guard():
            try:
                await self._settle()
                return await work(self._shared)
            except Unavailable:
                self.errors += 1
                raise

    async def forget(self, pattern: Pattern) -> int:
        """Forget now, or as soon as the second layer is back. Returns how many values are known to be gone."""
        try:
            return await self.ask(lambda shared: _forget(shared, pattern))
        except Unavailable:
            self.owe(pattern)
            return 0

    def owe(self, pattern: Pattern) -> None:
        """Forget before the next question."""
        self._owed[pattern] = object()
        if len(self._owed) > MAX_OWED:
            self._owed = {Pattern(key=None): object()}

    async def _settle(self) -> None:
        if not self._owed:
            return
        paid = dict(self._owed)
        await asyncio.gather(*(_forget(self._shared, pattern) for pattern in paid))
        self._owed = {pattern: debt for pattern, debt in self._owed.items() if paid.get(pattern) is not debt}


async def _forget(shared: SharedStore, pattern: Pattern) -> int:
    if pattern.key is not None:
        return await shared.delete(pattern.key)
    await shared.discard_level(pattern.level)
    return 0
