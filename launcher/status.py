"""`python -m launcher status`: what runs, since when, and how it is."""

import asyncio
import time
from collections.abc import Mapping

from launcher.folder import ProcessState, StackState
from launcher.plan import instance_name, run_folder
from launcher.processes import is_running
from launcher.stack import STACK

LIMIT = 3.0  # seconds


async def status(environ: Mapping[str, str]) -> int:
    """Print the table; the exit code is 0 when everything is ready."""
    state = run_folder(environ).load()
    if state is None or not is_running(state.pid, state.started):
        print(f"The stack {instance_name(environ)!r} is not running.")
        return 1
    words = await asyncio.gather(*(_look(process) for process in state.processes))
    print(table(state, words))
    return 0 if all(word == "ready" for word in words) else 1


def table(state: StackState, words: list[str]) -> str:
    """The processes of a stack as lines of text."""
    lines = [f"{'process':<10} {'pid':>8} {'up':>9} {'restarts':>8}  state"]
    for process, word in zip(state.processes, words, strict=True):
        up = f"{time.time() - process.started:.0f} s" if process.pid else "-"
        lines.append(f"{process.name:<10} {process.pid:>8} {up:>9} {process.restarts:>8}  {word}")
    lines += [f"{name}: {url}" for name, url in state.urls.items()]
    return "\n".join(lines)


async def _look(process: ProcessState) -> str:
    if not is_running(process.pid, process.started):
        return "not running"
    check = next(row.ready.check for row in STACK if row.name == process.name)
    try:
        async with asyncio.timeout(LIMIT):
            await check(process.place)
    except Exception as error:  # any failure is a state to be shown
        return f"not ready ({type(error).__name__}: {error})".splitlines()[0][:100]
    return "ready"
