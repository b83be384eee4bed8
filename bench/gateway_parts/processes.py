"""Programs under measurement: started on a core of their own, watched for their CPU time, and ended."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

START_LIMIT = 60.0  # seconds; a busy machine needs many
STOP_LIMIT = 10.0  # seconds


class NotServing(Exception):
    """A program did not come up, or answered something else than it should; the text says what."""


class Running:
    """A program that runs, with its children."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    async def until_listening(self, port: int) -> None:
        """Wait until it is this program that listens there. Raises NotServing."""
        deadline = time.monotonic() + START_LIMIT
        while not any(_listens(process, port) for process in self._family()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NotServing(f"it did not start: {self.last_words()}")
            await asyncio.sleep(0.05)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def terminate(self) -> None:
        """Ask it to end, and do not wait."""
        self._process.terminate()

    async def ended(self) -> None:
        """Wait until it has."""
        await asyncio.to_thread(self._process.wait)

    def last_words(self) -> str:
        """The end of what it has printed."""
        return self._log.read_text(errors="replace").strip()[-300:] or f"exit code {self._process.poll()}"

    def cpu_seconds(self) -> float:
        """CPU time used so far, in user and in kernel mode, by it and its children."""
        times = [process.cpu_times() for process in self._family()]
        return sum(entry.user + entry.system for entry in times)

    def kernel_seconds(self) -> float:
        """The part of it that was used in kernel mode."""
        return sum(process.cpu_times().system for process in self._family())

    async def stop(self) -> None:
        """End it, gently first."""
        family = self._family()
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in family:
            if process.is_running() and process.pid != self._process.pid:
                process.kill()

    def _family(self) -> list[psutil.Process]:
        try:
            head = psutil.Process(self._process.pid)
            return [head, *head.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@asynccontextmanager
async def running(
    command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, core: int | None = None
) -> AsyncIterator[Running]:
    """Run a program for as long as the block lasts, on one core if told so."""
    pinned = command if core is None else ["taskset", "-c", str(core), *command]
    program = _start(pinned, log, {**os.environ, **(env or {})})
    try:
        yield program
    finally:
        await program.stop()


def _start(command: Sequence[str], log: Path, env: Mapping[str, str]) -> Running:
    with log.open("wb") as output:
        return Running(subprocess.Popen(command, stdout=output, stderr=output, env=env), log)


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        listening = [entry for entry in process.net_connections("tcp") if entry.status == psutil.CONN_LISTEN]
    except psutil.NoSuchProcess:
        return False
    return any(entry.laddr.port == port for entry in listening)
