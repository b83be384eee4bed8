"""Retries with full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015)."""

import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from services.kit.clock import Clock, SystemClock

T = TypeVar("T")


@dataclass(frozen=True)
class Backoff:
    """Pauses between attempts: uniform between 0 and min(cap, base * 2^n), in seconds."""

    base: float = 0.1
    cap: float = 5.0

    def pauses(self, rng: Callable[[], float] = random.random) -> Iterator[float]:
        """An endless series of pauses; start a new one after a success."""
        ceiling = self.base
        while True:
            yield rng() * ceiling
            ceiling = min(self.cap, ceiling * 2)


async def retry(
    attempt: Callable[[], Awaitable[T]],
    *,
    attempts: int = 3,
    backoff: Backoff | None = None,
    retry_on: tuple[type[BaseException], ...] = (Exception,),
    clock: Clock | None = None,
) -> T:
    """Call until it succeeds, `attempts` times at most; the last failure is raised."""
    clock = clock or SystemClock()
    pauses = (backoff or Backoff()).pauses()
    for _ in range(attempts - 1):
        try:
            return await attempt()
        except retry_on:
            await clock.sleep(next(pauses))
    return await attempt()
