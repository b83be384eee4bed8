"""The launcher with real servers: what is killed comes back, what is stopped leaves nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from launcher.folder import RunFolder
from launcher.plan import ROOT
from services.kit.testing import free_port

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).with_name("launcher_stack.py")
LIMIT = 40.0  # seconds
BACK_LIMIT = 10.0  # seconds


@dataclass
class Running:
    """A launcher at work, and what it keeps in its folder."""

    process: subprocess.Popen[bytes]
    folder: RunFolder
    output: Path
    environ: dict[str, str]

    def pid(self, name: str) -> int:
        state = self.folder.load()
        assert state is not None
        return next(process.pid for process in state.processes if process.name == name)

    def text(self) -> str:
        return self.output.read_text()

    def family(self) -> list[psutil.Process]:
        """The launcher's processes, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)


def start(folder: Path, environ: dict[str, str]) -> Running:
    output = folder / f"{time.monotonic_ns()}.txt"
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, SCRIPT], cwd=ROOT, env=environ, stdout=file, stderr=file)
    return Running(process, RunFolder(ROOT / ".run" / f"gateway-{environ['CV_GATEWAY_PORT']}"), output, environ)


def eventually(condition: Callable[[], object], limit: float = LIMIT) -> bool:
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def gone(processes: list[psutil.Process]) -> bool:
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    names = ("CV_GATEWAY_PORT", "CV_GATEWAY_TLS_PORT", "CV_REALTIME_PORT")
    environ = {**os.environ, **{name: str(free_port()) for name in names}, "CV_MARKET": "live"}
    stack = start(tmp_path_factory.mktemp("launcher"), environ)
    assert eventually(lambda: "CryptoVault is ready" in stack.text()), stack.text()
    yield stack
    stack.process.kill()
    stack.process.wait()
    shutil.rmtree(stack.folder.path, ignore_errors=True)


@pytest.mark.parametrize("name", ["valkey", "nats", "postgres", "service"])
def test_a_killed_process_is_back_within_ten_seconds(running, name):
    before = running.pid(name)
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: f"{name} is back" in running.text(), BACK_LIMIT), running.text()
    assert f"{name} was killed by SIGKILL; restarting in 0.2 s" in running.text()
    assert running.pid(name) != before


def test_what_a_crashed_process_had_started_goes_with_it(running):
    started = psutil.Process(running.pid("service")).children()
    restarts = running.text().count("service is back")
    os.kill(running.pid("service"), signal.SIGKILL)
    assert eventually(lambda: running.text().count("service is back") > restarts, BACK_LIMIT)
    assert started
    assert gone(started)


def test_a_second_launcher_of_the_same_stack_is_refused(running, tmp_path):
    second = start(tmp_path, running.environ)
    assert second.process.wait(LIMIT) == 1
    assert f"runs already (process {running.process.pid})" in second.text()


def test_a_taken_public_port_is_named_with_its_owner(tmp_path, running):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        second = start(tmp_path, {**running.environ, "CV_GATEWAY_PORT": port})
        assert second.process.wait(LIMIT) == 1
    shutil.rmtree(second.folder.path)
    assert f"Port {port} is taken by process {os.getpid()}" in second.text()


def test_a_killed_launcher_takes_everything_with_it(running):
    helpers = psutil.Process(running.pid("service")).children()
    family = [process for process in running.family() if process not in helpers]
    running.process.kill()
    running.process.wait()
    assert len(family) > 4
    assert eventually(lambda: gone(family), BACK_LIMIT), family
    for helper in helpers:
        helper.kill()


def test_sigterm_stops_everything_in_order_and_leaves_nothing(running, tmp_path):
    again = start(tmp_path, running.environ)
    assert eventually(lambda: "CryptoVault is ready" in again.text()), again.text()
    family = again.family()
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(LIMIT) == 0
    assert gone(family)
    assert "database system is shut down" in again.folder.log("postgres").read_text()
    assert "database system is shut down" not in again.text()  # the screen is for what a person must see
