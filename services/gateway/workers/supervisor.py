"""Keeps workers alive."""

import asyncio
import logging
from contextlib import suppress

from services.gateway.workers.worker import PATIENCE, Worker
from services.kit.retry import Backoff

logger = logging.getLogger(__name__)

SETTLED = 30.0  # seconds after which a worker that ends is a new misfortune, not the old one again
CLOSING = 5.0  # seconds that a worker may take for its end beside what it may take for requests in flight


class Supervisor:
    """Starts so many workers, replaces each one that ends, and stops all with the service.

    replica: the name of this replica; its workers are replicas of their own, NAME-1, NAME-2 and so on.
    stopping: set when the service is to stop. The workers are told at once, so that all say "not ready" meanwhile.
    """

    def __init__(self, count: int, replica: str, stopping: asyncio.Event, patience: int = PATIENCE) -> None:
        self._names = [f"{replica}-{number}" for number in range(1, count + 1)]
        self.stopping = stopping
        self._patience = patience
        self._workers: dict[str, Worker] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The present ones."""
        return tuple(self._workers.values())

    async def start(self) -> None:
        """Start the first worker and, when it serves, the others. Raises OSError when the first one cannot start.

        What keeps one from starting keeps all: so it is told once, and nothing is tried again and again.
        """
        first, *others = self._names
        worker = await self._new(first)
        watching = asyncio.create_task(worker.watch())
        up = asyncio.create_task(worker.up.wait())
        await asyncio.wait({watching, up}, return_when=asyncio.FIRST_COMPLETED)
        if not worker.up.is_set():
            up.cancel()
            raise OSError(f"the first worker has ended with exit code {watching.result()}")
        self._tasks = {asyncio.create_task(self._keep(name)) for name in others}
        self._tasks.add(asyncio.create_task(self._keep(first, watching)))
        self._tasks.add(asyncio.create_task(self._stop_workers()))

    async def drain(self, grace: float) -> None:
        """Return when all workers have ended; those that take too long are killed."""
        if not self._tasks:
            return
        self.stopping.set()
        _, late = await asyncio.wait(self._tasks, timeout=grace + CLOSING)
        if late:
            logger.error("workers do not end and are killed")
            for worker in self.workers:
                worker.kill()
            await asyncio.wait(late)

    async def _keep(self, name: str, watching: "asyncio.Task[int] | None" = None) -> None:
        """One worker after the other, until the service stops."""
        loop, pauses = asyncio.get_running_loop(), Backoff().pauses()
        while not self.stopping.is_set():
            began = loop.time()
            try:
                code = await (watching or (await self._new(name)).watch())
            except OSError as error:
                logger.error("worker %s cannot be started: %s", name, error)
            else:
                self._report(name, code)
            watching = None
            pauses = Backoff().pauses() if loop.time() - began > SETTLED else pauses
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), next(pauses))

    async def _new(self, name: str) -> Worker:
        worker = self._workers[name] = await Worker.start(name, self._patience)
        logger.info("worker %s is process %d", name, worker.pid)
        if self.stopping.is_set():
            worker.stop()
        return worker

    def _report(self, name: str, code: int) -> None:
        if not self.stopping.is_set():
            logger.error("worker %s has ended with exit code %d and is replaced", name, code)

    async def _stop_workers(self) -> None:
        await self.stopping.wait()
        for worker in self.workers:
            worker.stop()
