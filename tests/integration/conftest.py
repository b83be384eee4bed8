"""Real servers for the integration tests: the embedded Valkey, NATS and PostgreSQL, one of each for the session."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from launcher import postgres
from launcher.binaries import places, postgres_bin
from services.kit.testing import free_port

START_LIMIT = 30.0  # seconds


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cryptovault-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    port = free_port()
    where = ("--port", str(port), "--bind", "127.0.0.1")
    command = (str(places()["valkey_server"]), *where, "--save", "", "--appendonly", "no")
    with running(command, lambda: accepts("PING", port)):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def nats_url(server_folder: Path) -> Iterator[str]:
    port = free_port()
    where = ("-a", "127.0.0.1", "-p", str(port))
    command = (str(places()["nats_server"]), *where, "-js", "-sd", str(server_folder / "nats"))
    with running(command, lambda: accepts("PING", port)):
        yield f"nats://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def postgres_url(server_folder: Path) -> Iterator[str]:
    data, port, programs = server_folder / "postgres", free_port(), postgres_bin()
    data.mkdir()
    postgres.prepare(data)
    where = ("-D", str(data / "cluster"), "-p", str(port), "-h", "127.0.0.1", "-c", "unix_socket_directories=")
    command = postgres.as_unprivileged((f"{programs}/postgres", *where, "-F"))
    ready = [f"{programs}/pg_isready", "-h", "127.0.0.1", "-p", str(port)]
    with running(command, lambda: subprocess.run(ready, capture_output=True).returncode == 0, signal.SIGINT):
        yield f"postgresql://postgres@127.0.0.1:{port}"


@pytest.fixture(scope="module")
def database_url(postgres_url: str, request: pytest.FixtureRequest) -> str:
    """A fresh database for every test module."""
    name = request.module.__name__.rpartition(".")[2].lower()
    psql = [f"{postgres_bin()}/psql", f"{postgres_url}/postgres", "-q", "-c"]
    subprocess.run([*psql, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'], check=True, capture_output=True)
    subprocess.run([*psql, f'CREATE DATABASE "{name}"'], check=True, capture_output=True)
    return f"{postgres_url}/{name}"


@contextmanager
def running(command: tuple[str, ...], is_ready: Callable[[], bool], stop: int = signal.SIGTERM) -> Iterator[None]:
    """Run a server for as long as the block lasts."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    try:
        deadline = time.monotonic() + START_LIMIT
        while not is_ready():
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{command[0]} was not ready in {START_LIMIT} s"
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(stop)
        process.wait(timeout=20)


def accepts(line: str, port: int) -> bool:
    """Whether a server that speaks in lines answers one on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"{line}\r\n".encode())
            return bool(connection.recv(16))
    except OSError:
        return False
