"""Single flight: however many callers want one key at once, one piece of work serves them all."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from opentelemetry import context as trace_context

from services.kit import deadline
from services.kit.cache.fences import Fence, Fences

V = TypeVar("V")


class _Flight(Generic[V]):
    __slots__ = ("fence", "task")

    def __init__(self, fence: Fence, task: asyncio.Task[V]) -> None:
        self.fence = fence
        self.task = task


class Flights(Generic[V]):
    """The work under way in this process, by key."""

    def __init__(self, fences: Fences) -> None:
        self.coalesced = 0
        self._fences = fences
        self._flights: dict[str, _Flight[V]] = {}

    async def join(self, key: str, work: Callable[[Fence], Awaitable[V]]) -> V:
        """The result of the work under way for `key`, or of `work` if there is none.

        Nobody joins work whose fence is broken: it began before an invalidation that the caller may have seen. A caller
        that is cancelled, or whose deadline is over, leaves the work to the others; a failure reaches all of them. The
        work itself has no deadline, be it one caller's only: whoever comes next finds what it has fetched.
        """
        async with deadline.limited():
            return await asyncio.shield(self._flight(key, work).task)

    def _flight(self, key: str, work: Callable[[Fence], Awaitable[V]]) -> _Flight[V]:
        flight = self._flights.get(key)
        if flight is None or not flight.fence.intact:
            return self._start(key, work)
        self.coalesced += 1
        return flight

    def _start(self, key: str, work: Callable[[Fence], Awaitable[V]]) -> _Flight[V]:
        fence = Fence(key)
        flight = _Flight(fence, asyncio.create_task(self._fly(fence, work), context=_context()))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda task: self._land(key, flight, task))
        return flight

    async def _fly(self, fence: Fence, work: Callable[[Fence], Awaitable[V]]) -> V:
        with self._fences.watch(fence):
            return await work(fence)

    def _land(self, key: str, flight: _Flight[V], task: asyncio.Task[V]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # seen, even when every caller has been cancelled

    async def stop(self) -> None:
        """Cancel what is still under way."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _context() -> contextvars.Context:
    """The trace of the first caller without its deadline: others wait for the work, too."""
    fresh = contextvars.Context()
    fresh.run(trace_context.attach, trace_context.get_current())
    return fresh
