"""`make down`: stop a stack left running, whether its launcher lives or was killed."""

import os
import signal
import time
from collections.abc import Mapping

from launcher.folder import RunFolder
from launcher.plan import instance_name, run_folder
from launcher.processes import is_running, signal_group

ORDERLY = 60.0  # seconds the launcher gets to stop everything in order
LEFTOVER = 3.0  # seconds a leftover gets before SIGKILL
LOOK_EVERY = 0.05  # seconds


def down(environ: Mapping[str, str]) -> int:
    """Stop the stack this environment speaks of. Returns the exit code."""
    folder = run_folder(environ)
    state = folder.load()
    if state is None:
        print(f"The stack {instance_name(environ)!r} is not running.")
        return 0
    if is_running(state.pid, state.started):
        os.kill(state.pid, signal.SIGTERM)
        _wait([(state.pid, state.started)], ORDERLY)
    sweep(folder)
    print(f"The stack {instance_name(environ)!r} is stopped.")
    return 0


def sweep(folder: RunFolder) -> None:
    """End the processes of a launcher that was killed, as far as they outlived it."""
    state = folder.load()
    if state is None:
        return
    left = [(process.pid, process.started) for process in state.processes if is_running(process.pid, process.started)]
    for pid, _ in left:
        signal_group(pid, signal.SIGINT)
    for pid, started in _wait(left, LEFTOVER):
        if is_running(pid, started):
            signal_group(pid, signal.SIGKILL)
    folder.forget()


def _wait(processes: list[tuple[int, float]], seconds: float) -> list[tuple[int, float]]:
    """Wait for processes to end; return those that did not."""
    deadline = time.monotonic() + seconds
    while (left := [each for each in processes if is_running(*each)]) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)
    return left
