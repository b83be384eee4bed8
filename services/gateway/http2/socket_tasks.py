"""The tasks of a WebSocket of Hypercorn, over either protocol."""

import asyncio
from collections.abc import Callable
from typing import Any

from hypercorn.asyncio.task_group import TaskGroup


class SocketTasks(TaskGroup):
    """The application, then the pings, which Hypercorn would let sleep until the next is due, whoever is gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._tasks: list[asyncio.Task[Any]] = []

    def spawn(self, func: Callable[..., Any], *args: Any) -> None:
        """Called by Hypercorn; first for the application."""
        self._tasks.append(self._task_group.create_task(func(*args)))

    def end_pings(self) -> None:
        """The socket has ended; the application may still be about to."""
        for task in self._tasks[1:]:
            task.cancel()
