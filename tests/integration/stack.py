"""The whole suite as a user starts it: `make up`, on ports of its own, stopped at the end."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from services.kit.testing import free_port

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = Path(os.environ.get("CV_RECORDINGS", ROOT.parent / "shared" / "recordings"))

READY = "CryptoVault is ready"
START_LIMIT = 240.0  # seconds, with cold caches
STOP_LIMIT = 60.0  # seconds

ADMIN_EMAIL = "admin@example.org"
ADMIN_PASSWORD = "correct horse battery staple 42"


@dataclass
class Stack:
    """A running stack: where it is reached, and the process that holds it."""

    process: subprocess.Popen[str]
    port: int
    tls_port: int
    realtime_port: int
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=10, **options)

    def post(self, path: str, json: object = None, token: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.post(self.url + path, json=json, headers=headers, timeout=10)

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def process_of(self, part: str) -> psutil.Process:
        """The process of a service ("prices") or a server ("valkey-server")."""
        found = [process for process in self.processes() if part in words_of(process)]
        assert found, f"no process of {part} among {[words_of(process) for process in self.processes()]}"
        return found[0]

    def shown(self) -> str:
        return "\n".join(self.lines[-60:])


def words_of(process: psutil.Process) -> list[str]:
    """The names by which a process is known: its program's name, and the module it runs."""
    try:
        command = process.cmdline()
    except psutil.Error:
        return []
    modules = [command[i + 1].removeprefix("services.") for i, word in enumerate(command[:-1]) if word == "-m"]
    program = Path(command[0].split()[0]).name if command and command[0] else ""  # Valkey adds its address
    return [program, *modules]


@contextmanager
def started(*variables: str) -> Iterator[Stack]:
    """Run `make up` with make variables such as "RECORDINGS=…" until the block ends."""
    ports = [free_port() for _ in range(3)]
    names = ("CV_GATEWAY_PORT", "CV_GATEWAY_TLS_PORT", "CV_REALTIME_PORT")
    chosen = [f"{name}={port}" for name, port in zip(names, ports, strict=True)]
    process = subprocess.Popen(
        ["make", "--no-print-directory", "up", *chosen, *variables],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    stack = Stack(process, *ports)
    threading.Thread(target=read_lines, args=(stack,), daemon=True).start()
    try:
        until(lambda: any(READY in line for line in stack.lines) or process.poll() is not None, START_LIMIT)
        assert process.poll() is None, f"make up ended with {process.returncode}:\n{stack.shown()}"
        yield stack
    finally:
        stop(stack)
        shutil.rmtree(ROOT / ".run" / f"gateway-{stack.port}", ignore_errors=True)


def stop(stack: Stack) -> None:
    """Ask the stack to end, as Ctrl-C does, and make sure that it has."""
    if stack.process.poll() is None:
        os.killpg(stack.process.pid, signal.SIGINT)
        try:
            stack.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(stack.process.pid, signal.SIGKILL)
            raise


def read_lines(stack: Stack) -> None:
    assert stack.process.stdout is not None
    for line in stack.process.stdout:
        stack.lines.append(line.rstrip())


def until(condition: Callable[[], object], limit: float) -> float:
    """Wait until a condition holds; returns the seconds it took. A refused connection counts as "not yet"."""
    began = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - began
        except (httpx.TransportError, AssertionError, KeyError):
            pass
        waited = time.monotonic() - began
        assert waited < limit, f"not within {limit} s"
        time.sleep(0.1)
