"""Say what this machine lacks for CryptoVault, each with its cure. Standard library alone; run by `make doctor`."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NODE_NEEDED = (20, 19)
DISK_NEEDED = 2 * 2**30  # bytes
PUBLIC_PORTS = {"CV_GATEWAY_PORT": 8001, "CV_GATEWAY_TLS_PORT": 8443, "CV_REALTIME_PORT": 8002}


@dataclass(frozen=True)
class Need:
    """Something the machine should have; `optional` needs do not fail the command."""

    what: str
    is_met: Callable[[], bool]
    cure: str
    optional: bool = False


def has(program: str) -> Callable[[], bool]:
    """Whether a program is on the path."""
    return lambda: shutil.which(program) is not None


def node_is_new_enough() -> bool:
    """Whether Node is there, in a version Vite runs on."""
    if shutil.which("node") is None:
        return False
    text = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in text.strip().lstrip("v").split(".")[:2]) >= NODE_NEEDED


def is_free(port: int) -> bool:
    """Whether nobody listens on the port."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("", port))
        except OSError:
            return False
    return True


def chromium_is_there() -> bool:
    """Whether a Chromium for the browser test is installed."""
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


def port_need(variable: str, port: int) -> Need:
    """The need for one of the public ports."""
    return Need(
        f"port {port} is free", lambda: is_free(port), f"or choose another: make up {variable}={port + 1000}", True
    )


NEEDS = (
    Need("Python 3.11 or newer", lambda: sys.version_info >= (3, 11), "apt install python3"),
    Need("Python's venv module", lambda: find_spec("ensurepip") is not None, "apt install python3-venv"),
    Need(f"Node {'.'.join(map(str, NODE_NEEDED))} or newer", node_is_new_enough, "see https://nodejs.org/en/download"),
    Need("npm", has("npm"), "it comes with Node; on Debian: apt install npm"),
    Need("setpriv, to run PostgreSQL as root", lambda: os.geteuid() != 0 or has("setpriv")(), "apt install util-linux"),
    Need("this folder is writable", lambda: os.access(ROOT, os.W_OK), f"make it yours: chown -R $(id -u) {ROOT}"),
    Need("2 GB of free disk", lambda: shutil.disk_usage(ROOT).free > DISK_NEEDED, "free some space on this disk"),
    Need("git", has("git"), "apt install git", optional=True),
    Need("Chromium, for the browser test", chromium_is_there, "apt install chromium", optional=True),
    *(port_need(variable, port) for variable, port in PUBLIC_PORTS.items()),
)


def main() -> int:
    """Print every need; return 1 when one that is not optional is unmet."""
    failed = False
    for need in NEEDS:
        met = need.is_met()
        mark = "ok     " if met else "missing" if not need.optional else "note   "
        print(f"{mark}  {need.what}" + ("" if met else f"  ->  {need.cure}"))
        failed = failed or not (met or need.optional)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
