"""Deadlines: until when the caller of an RPC waits for its answer. Nobody works for one who has left.

The server's interceptor sets it for the work on a call; calls to other services, Redis commands and database queries
heed it. What runs in the background has none and is bounded by its own time-outs only, and so is what is done for
several callers at once: it must not end with the first one's patience.
"""

import asyncio
import contextvars
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from types import TracebackType

from services.kit.errors import DeadlineExceeded

_deadline: contextvars.ContextVar[float | None] = contextvars.ContextVar("deadline", default=None)  # monotonic seconds
_UNLIMITED = nullcontext()


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Give the work of the block so many seconds from now; None: all the time it wants."""
    token = _deadline.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        with suppress(ValueError):  # a cancelled stream is closed from another context
            _deadline.reset(token)


def lifted() -> contextvars.Context:
    """The present context without its deadline, for a task that others depend on, too."""
    context = contextvars.copy_context()
    context.run(_deadline.set, None)
    return context


def left() -> float | None:
    """Seconds that are left, 0 or less when the time is over; None: there is no deadline."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - time.monotonic()


def check() -> None:
    """Raises DeadlineExceeded when the time is over."""
    seconds = left()
    if seconds is not None and seconds <= 0:
        raise DeadlineExceeded


def limited() -> AbstractAsyncContextManager[object]:
    """A block that ends with DeadlineExceeded when the time is over. Raises it at once when that is so already."""
    seconds = left()
    if seconds is None:
        return _UNLIMITED
    if seconds <= 0:
        raise DeadlineExceeded
    return _Limit(seconds)


class _Limit:
    """asyncio.timeout, but what it raises is an error of ours."""

    __slots__ = ("_timeout",)

    def __init__(self, seconds: float) -> None:
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            raise DeadlineExceeded from error
