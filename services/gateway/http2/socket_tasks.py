"""The tasks of a WebSocket of Hypercorn, over either protocol."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, cast

from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.config import Config
from hypercorn.typing import AppWrapper, ASGIReceiveCallable, ASGIReceiveEvent, ASGISendEvent, Scope


class SocketTasks(TaskGroup):
    """The application, then the pings, which Hypercorn would let sleep until the next is due, whoever is gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._tasks: list[asyncio.Task[Any]] = []
        self._discarding: asyncio.Task[None] | None = None

    async def spawn_app(
        self, app: AppWrapper, config: Config, scope: Scope, send: Callable[[ASGISendEvent | None], Awaitable[None]]
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """Called by Hypercorn, which would wait for ever for room in the queue of an application that has ended."""

        async def called(scope: Scope, receive: ASGIReceiveCallable, *rest: Any) -> None:
            try:
                await app(scope, receive, *rest)
            finally:
                self._discarding = self._loop.create_task(_discard(receive))

        return await super().spawn_app(cast("AppWrapper", called), config, scope, send)

    def spawn(self, func: Callable[..., Any], *args: Any) -> None:
        """Called by Hypercorn; first for the application."""
        self._tasks.append(self._task_group.create_task(func(*args)))

    def end_pings(self) -> None:
        """The socket has ended; the application may still be about to."""
        for task in self._tasks[1:]:
            task.cancel()

    async def __aexit__(self, kind: type[Any], error: BaseException, traceback: TracebackType) -> None:
        try:
            await super().__aexit__(kind, error, traceback)
        finally:
            if self._discarding is not None:
                self._discarding.cancel()


async def _discard(receive: ASGIReceiveCallable) -> None:
    while True:
        await receive()
