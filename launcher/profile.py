"""`make profile SERVICE=prices`: a flame graph of a running service, by py-spy, without stopping it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from launcher.folder import ProcessState
from launcher.plan import ROOT, run_folder
from launcher.processes import is_running

RATE = 200  # samples a second


def profile(environ: Mapping[str, str], service: str, seconds: int) -> int:
    """Write profile-<service>.svg. Returns the exit code."""
    state = run_folder(environ).load()
    running = {each.name: each for each in state.processes} if state else {}
    process = running.get(service)
    if process is None or not is_running(process.pid, process.started):
        print(f"{service!r} is not running; running here: {', '.join(running) or 'nothing (start it with make up)'}")
        return 1
    return _record(process, seconds, ROOT / f"profile-{service}.svg")


def _record(process: ProcessState, seconds: int, target: Path) -> int:
    command = [
        *(str(Path(sys.executable).parent / "py-spy"), "record", "--pid", str(process.pid), "--output", str(target)),
        *("--duration", str(seconds), "--rate", str(RATE), "--subprocesses", "--nonblocking"),
    ]
    result = subprocess.run(command, check=False)
    if result.returncode == 0:
        print(f"Flame graph: {target}")
    elif os.geteuid() != 0:
        print(f"If the system forbids reading the process, run: sudo make profile SERVICE={process.name}")
    return result.returncode
