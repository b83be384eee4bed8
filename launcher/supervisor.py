"""Keeps one process running: starts it, passes its output on, sees when it is ready, restarts it when it crashes."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from launcher.console import Console
from launcher.folder import ProcessState
from launcher.logs import LogFile
from launcher.plan import ROOT, Launch
from launcher.processes import signal_group, started_at

SHIM = str(Path(__file__).parent / "death.py")
PROBE_EVERY = 0.1  # seconds between looks at a process that is not ready yet; grows to a second
PROBE_LIMIT = 3.0  # seconds one look may take
LAST_LINES = 15  # kept to be shown when a start fails
OUTPUT_ENDS = 1.0  # seconds to read the last words of a process that has exited
CHUNK = 2**16  # bytes


class Supervisor:
    """One process of the stack, alive as long as `run` is."""

    def __init__(self, launch: Launch, console: Console, on_change: Callable[[], None]) -> None:
        self.launch = launch
        self.name = launch.process.name
        self.ready = asyncio.Event()
        self.restarts = 0
        self.crashes = 0  # in a row
        self.exit_code: int | None = None
        self.missing = "not started"  # why it isn't ready
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._console = console
        self._log = LogFile(launch.log)
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._started = 0.0
        self._stopping = asyncio.Event()

    @property
    def state(self) -> ProcessState:
        """What a later command needs to know of it."""
        pid = self._process.pid if self._process else 0
        return ProcessState(self.name, pid, self._started, self.restarts, self.launch.place)

    async def run(self) -> None:
        """Start the process, and again whenever it exits, until `stop`."""
        try:
            while not self._stopping.is_set():
                since = time.monotonic()
                await self._run_once()
                if not self._stopping.is_set():
                    await self._pause(time.monotonic() - since)
        finally:
            self._log.close()

    async def stop(self) -> None:
        """Ask it to exit, wait, and kill what is left of its group."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.launch.process.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), self.launch.process.stop_seconds)
        except TimeoutError:
            self._console.alarm(f"{self.name} did not stop in {self.launch.process.stop_seconds:g} s; killing it")
            self.kill()

    def kill(self) -> None:
        """End it at once, with all it started."""
        self._stopping.set()
        if self._process is not None:
            signal_group(self._process.pid, signal.SIGKILL)

    async def _run_once(self) -> None:
        try:
            if self.launch.process.prepare:
                await asyncio.to_thread(self.launch.process.prepare, self.launch.data)
            process, reader = await self._spawn()
        except (OSError, RuntimeError, LookupError) as error:
            self._output(f"cannot start: {error}")
            return
        if self._stopping.is_set():  # told to stop while it was being started
            self.kill()
        output = asyncio.create_task(self._pass_on(reader))
        readiness = asyncio.create_task(self._watch_readiness())
        self._on_change()
        self.exit_code = await process.wait()
        readiness.cancel()
        self.ready.clear()
        self.missing = "exited"
        signal_group(process.pid, signal.SIGKILL)  # what it started must not outlive it
        await asyncio.wait([output], timeout=OUTPUT_ENDS)
        output.cancel()

    async def _spawn(self) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
        """Start the process in a session of its own; return it and what it writes."""
        reading, writing = os.pipe()
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
        )
        tie = (sys.executable, "-ISs", SHIM, str(int(self._death_signal())), str(os.getpid()))
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *(*tie, *self.launch.command),
                env=self.launch.env,
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        finally:
            os.close(writing)
        self._started = started_at(process.pid)
        return process, reader

    def _death_signal(self) -> signal.Signals:
        """What the process gets when the launcher dies: SIGKILL, but a database a chance to end in order."""
        return signal.SIGINT if self.launch.process.stop_signal is signal.SIGINT else signal.SIGKILL

    async def _pass_on(self, reader: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await reader.read(CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._output(line.decode(errors="replace").rstrip("\r"))
        if rest:
            self._output(rest.decode(errors="replace"))

    def _output(self, line: str) -> None:
        self.last_lines.append(line)
        self._log.write(line)
        if re.search(self.launch.process.shown, line):
            self._console.line(self.name, line)

    async def _watch_readiness(self) -> None:
        since, pause = time.monotonic(), PROBE_EVERY
        while not await self._is_ready():
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 1.0)
        self.ready.set()
        seconds = time.monotonic() - since
        if self.restarts:
            self._console.say(f"{self.name} is back ({seconds:.1f} s)")
        self._on_change()

    async def _is_ready(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_LIMIT):
                await self.launch.process.ready.check(self.launch.place)
        except Exception as error:  # whatever a half-started server answers, it isn't ready
            self.missing = f"{type(error).__name__}: {error}"
            return False
        return True

    async def _pause(self, seconds_up: float) -> None:
        policy = self.launch.process.restart
        self.crashes = policy.crashes_after(self.crashes, seconds_up)
        delay = policy.delay(self.crashes)
        self._console.alarm(f"{self.name} {describe_exit(self.exit_code)}; restarting in {delay:g} s")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), delay)
        self.restarts += 1


def describe_exit(code: int | None) -> str:
    """An exit code in words."""
    if code is None:
        return "could not be started"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with code {code}"
