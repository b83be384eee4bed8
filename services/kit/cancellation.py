"""Cancellation that must not get lost.

An error can overtake a cancellation: a connection pool, for one, may say "timed out" in its place. What goes on after
such an error would never end, and a TaskGroup would wait for it for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

PATIENCE = 0.2  # seconds between two requests to end


def pass_on_cancellation(error: BaseException) -> None:
    """Raise CancelledError if the running task was asked to end while `error` happened."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error


async def end(tasks: Iterable["asyncio.Future[Any]"], attempts: int | None = None) -> set["asyncio.Future[Any]"]:
    """Cancel tasks until they have ended; returns those that go on after so many attempts (None: no end of them)."""
    pending = set(tasks)
    while pending and attempts != 0:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=PATIENCE)
        attempts = None if attempts is None else attempts - 1
    return pending


async def together(works: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Run side by side until all are done or one fails; then the others are ended, and the failure is raised."""
    tasks = [asyncio.ensure_future(work()) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        await end(tasks)
    for task in done:
        task.result()
