"""One worker, as its supervisor sees it."""

import asyncio
import os
import sys
from contextlib import suppress

from services.gateway.workers.lifeline import BEAT

PATIENCE = 30  # beats that a worker may miss, be it at its start or because its event loop stands still
COMMAND = (sys.executable, "-m", "services.gateway.workers")


class Worker:
    """A process that serves."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, patience: int = PATIENCE) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.name = name
        self.pid = process.pid
        self.up = asyncio.Event()  # it serves
        self._process = process
        self._lifeline = process.stdin
        self._signs = process.stdout
        self._patience = patience

    @classmethod
    async def start(cls, name: str, patience: int = PATIENCE) -> "Worker":
        """Start one, as the replica of this name. Raises OSError when there is no room for a process."""
        environ = {key: value for key, value in os.environ.items() if key != "CV_REPLICA_ID_FILE"}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *COMMAND, env=environ | {"CV_REPLICA_ID": name}, stdin=pipe, stdout=pipe
        )
        return cls(name, process, patience)

    async def watch(self) -> int:
        """Return the exit code when it has ended. One that gives no sign of life is killed."""
        missed = 0
        while missed < self._patience:
            try:
                async with asyncio.timeout(BEAT * 1.5):
                    signs = await self._signs.read(256)
            except TimeoutError:  # one at a time: a supervisor that was stopped itself must not take it for many
                missed += 1
                continue
            if not signs:
                break
            missed = 0
            self.up.set()
        else:
            self.kill()
        return await self._process.wait()

    def stop(self) -> None:
        """Ask it to answer what is in flight and end."""
        self._lifeline.close()

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            self._process.kill()
