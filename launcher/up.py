"""`make up`: start the stack, say when it is ready, keep it running until told to stop, leave nothing behind."""

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence

from launcher.console import Console
from launcher.down import sweep
from launcher.folder import AlreadyRunning, RunFolder
from launcher.model import Process
from launcher.plan import Plan, instance_name, run_folder
from launcher.ports import PortProblem, choose_ports
from launcher.processes import is_free, owner_of
from launcher.running import Stack, StartFailed, urls
from launcher.stack import STACK

START_LIMIT = 120.0  # seconds until everything is ready


async def up(environ: Mapping[str, str], rows: Sequence[Process] = STACK, limit: float = START_LIMIT) -> int:
    """Run the stack until a signal says stop. Returns the exit code."""
    console = Console()
    folder = run_folder(environ)
    folder.create()
    try:
        with folder.locked():
            sweep(folder)
            return await _run(environ, rows, folder, console, limit)
    except AlreadyRunning:
        console.alarm(_already_running(environ, folder))
    except PortProblem as error:
        for problem in error.problems:
            console.alarm(problem)
    return 1


def _already_running(environ: Mapping[str, str], folder: RunFolder) -> str:
    state = folder.load()
    where = f" (process {state.pid})" if state else ""
    return (
        f"This stack, {instance_name(environ)!r}, runs already{where}. Stop it with `make down`, or start another: "
        "make up CV_GATEWAY_PORT=9001 CV_GATEWAY_TLS_PORT=9443 CV_REALTIME_PORT=9002"
    )


async def _run(
    environ: Mapping[str, str], rows: Sequence[Process], folder: RunFolder, console: Console, limit: float
) -> int:
    usual = instance_name(environ) == "default"
    ports = choose_ports(rows, environ, is_free, owner_of, keep_default=usual)
    stack = Stack(Plan(rows, ports, environ, folder), console)
    stopping = _stop_on_signals(stack, console)
    since = time.monotonic()
    try:
        started = asyncio.create_task(stack.start(limit))
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait([started, waiting], return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            started.result()
            _announce(console, ports, time.monotonic() - since)
            await waiting
        started.cancel()
        return 0
    except (StartFailed, ValueError) as error:
        console.alarm(str(error))
        return 1
    finally:
        console.say("stopping")
        await stack.stop()
        folder.forget()
        console.say("stopped")


def _stop_on_signals(stack: Stack, console: Console) -> asyncio.Event:
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            console.alarm("killing what still runs")
            stack.kill()
        stopping.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks to outlive the terminal
        loop.add_signal_handler(signal.SIGHUP, stop)
    return stopping


def _announce(console: Console, ports: Mapping[str, int], seconds: float) -> None:
    addresses = urls(ports)
    console.announce(f"CryptoVault is ready ({seconds:.1f} s): {'  '.join(addresses.values())}")
    for name, url in addresses.items():
        console.announce(f"    {name:<24} {url}")
