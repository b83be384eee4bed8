"""The second layer in terms of values: sealed on the way in, opened on the way out, and never a reason to fail."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from services.kit.cache.codec import Envelope
from services.kit.cache.guard import Guard
from services.kit.cache.keys import Pattern
from services.kit.cache.local import MISSING, Missing
from services.kit.cache.shared import Lease, Lookup, SharedStore
from services.kit.clock import Clock
from services.kit.errors import Unavailable

V = TypeVar("V")
T = TypeVar("T")

FIRST_PAUSE = 0.005  # seconds between looks while another process fills
LONGEST_PAUSE = 0.05


@dataclass(frozen=True)
class Answer(Generic[V]):
    """What the second layer had: a fresh value, or else the right to fill and perhaps an expired value.

    ttl: seconds the value stays fresh; for an expired one, minus the seconds since.
    """

    value: V | Literal[Missing.MISSING] | None = MISSING
    ttl: float = 0.0
    lease: Lease | None = None

    @property
    def fresh(self) -> bool:
        """Whether the value may be served as it is."""
        return self.value is not MISSING and self.ttl > 0


class SecondLayer(Generic[V]):
    """Asks through a Guard; when Redis is away, every answer is empty."""

    def __init__(self, guard: Guard, envelope: Envelope[V], *, patience: float, clock: Clock) -> None:
        self.hits = 0
        self.misses = 0
        self._guard = guard
        self._envelope = envelope
        self._patience = patience
        self._clock = clock

    @property
    def errors(self) -> int:
        """Failures that were worked around."""
        return self._guard.errors

    async def peek(self, key: str) -> Answer[V]:
        """What is there, without the wish to fill it."""
        lookup = await self._try(lambda shared: shared.peek(key))
        return self._count(self._read(lookup)) if lookup else Answer()

    async def seek(self, key: str) -> Answer[V]:
        """A fresh value, waiting a while for one that another process is loading; else the lease."""
        pause, until = FIRST_PAUSE, self._clock.monotonic() + self._patience
        while True:
            steal = self._clock.monotonic() >= until
            answer = await self._look(key, steal=steal)
            if answer is None:
                return Answer()
            if answer.fresh or answer.lease is not None or steal:
                return self._count(answer)
            await self._clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def fill(self, lease: Lease, value: V | None, ttl: float) -> bool:
        """Store a loaded value. False when it is void, because of an invalidation or another filler since."""
        stored = await self._try(lambda shared: shared.fill(lease, self._envelope.seal(value), ttl))
        return stored is not False

    async def release(self, lease: Lease) -> None:
        """Let another process fill."""
        await self._try(lambda shared: shared.release(lease))

    async def put(self, key: str, value: V | None, ttl: float) -> None:
        """Store a value, or at least make sure that an older one is not found again."""
        sealed = self._envelope.seal(value)
        try:
            await self._guard.ask(lambda shared: shared.put(key, sealed, ttl))
        except Unavailable:
            self._guard.owe(Pattern(key=key))

    async def forget(self, pattern: Pattern) -> None:
        """Forget now, or as soon as Redis is back."""
        await self._guard.forget(pattern)

    async def _look(self, key: str, *, steal: bool) -> Answer[V] | None:
        lookup = await self._try(lambda shared: shared.lookup(key, steal=steal))
        if lookup is None:
            return None
        answer = self._read(lookup)
        if lookup.fresh and answer.value is MISSING:  # unreadable: clear the way for a fill
            await self._guard.forget(Pattern(key=key))
            lookup = await self._try(lambda shared: shared.lookup(key))
            return self._read(lookup) if lookup else None
        return answer

    def _read(self, lookup: Lookup) -> Answer[V]:
        if lookup.data is None:
            return Answer(lease=lookup.lease)
        try:
            return Answer(self._envelope.open(lookup.data), lookup.ttl, lookup.lease)
        except ValueError:
            return Answer(lease=lookup.lease)

    def _count(self, answer: Answer[V]) -> Answer[V]:
        if answer.fresh:
            self.hits += 1
        else:
            self.misses += 1
        return answer

    async def _try(self, work: Callable[[SharedStore], Awaitable[T]]) -> T | None:
        try:
            return await self._guard.ask(work)
        except Unavailable:
            return None


class NoSecondLayer(Generic[V]):
    """For a cache without one: there is never anything, and everybody may fill."""

    hits = misses = errors = 0

    async def peek(self, key: str) -> Answer[V]:
        """Nothing."""
        return Answer()

    async def seek(self, key: str) -> Answer[V]:
        """Nothing, and no lease is needed."""
        return Answer()

    async def fill(self, lease: Lease, value: V | None, ttl: float) -> bool:
        """Nothing speaks against keeping the value."""
        return True

    async def release(self, lease: Lease) -> None:
        """Nothing to end."""

    async def put(self, key: str, value: V | None, ttl: float) -> None:
        """Nothing to store."""

    async def forget(self, pattern: Pattern) -> None:
        """Nothing to forget."""
