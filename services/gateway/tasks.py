"""Work that goes on though nobody may wait for it any more."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def started(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """The work as a task whose failure nobody has to see."""
    task = asyncio.create_task(work)
    task.add_done_callback(_seen)
    return task


def _seen(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()
