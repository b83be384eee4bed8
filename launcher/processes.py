"""What the operating system knows of processes and ports (psutil wrapped)."""

import os
import signal
import socket
from pathlib import Path

import psutil

SAME_START = 0.1  # seconds two readings of one process's start time may differ


def started_at(pid: int) -> float:
    """When a process started, in epoch seconds; 0 when there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def is_running(pid: int, started: float) -> bool:
    """Whether that very process still runs: a process id alone may have been given to another since."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < SAME_START and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def exists(pid: int) -> bool:
    """Whether any process has this id."""
    return psutil.pid_exists(pid)


def works_in(pid: int, folder: Path) -> bool:
    """Whether the process's working directory is `folder`."""
    try:
        return Path(psutil.Process(pid).cwd()) == folder
    except psutil.Error:
        return False


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal a process and all it started in its group; nothing happens when they are gone."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def is_free(port: int) -> bool:
    """Whether a server could listen on the port, on every interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("", port))
            attempt.listen(1)
        except OSError:
            return False
    return True


def owner_of(port: int) -> str:
    """Who listens on a port, in words."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return "another program"
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        if listens and connection.pid:
            return _describe(connection.pid)
    return "a program of another user"


def _describe(pid: int) -> str:
    try:
        command = " ".join(psutil.Process(pid).cmdline())[:80]
    except psutil.Error:
        command = ""
    return f"process {pid}" + (f" ({command})" if command else "")
