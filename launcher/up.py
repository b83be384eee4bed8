"""`make up`: start the stack, say when it is ready, keep it running until told to stop, leave nothing behind."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence

from launcher.console import Console
from launcher.down import sweep
from launcher.folder import AlreadyRunning, RunFolder, StackState
from launcher.market import LIVE, choose_market
from launcher.model import Process
from launcher.order import stopping_waves
from launcher.plan import Plan, instance_name, run_folder
from launcher.ports import PortProblem, choose_ports
from launcher.processes import is_free, owner_of, started_at
from launcher.stack import STACK
from launcher.supervisor import Supervisor, describe_exit

START_LIMIT = 120.0  # seconds until everything is ready
CRASH_LIMIT = 5  # crashes in a row during the start, then it is given up
BAD_SETTINGS = 2  # exit code of a service that was told something wrong; trying again would not help
TICK = 0.1  # seconds


class StartFailed(Exception):
    """The stack did not come up; the text says why."""


class Stack:
    """The running processes of one instance."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._supervisors: dict[str, Supervisor] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: set[asyncio.Task[None]] = set()
        self._market = ""

    async def start(self, limit: float) -> None:
        """Start everything and return once it is ready. Raises StartFailed, ValueError."""
        since = time.monotonic()
        market = asyncio.create_task(choose_market(self._plan.environ))
        self._launch([row for row in self._plan.wanted("") if row.awaited], "")
        self._market = await market
        self._console.say(f"prices are {self._market}" if self._market == LIVE else "prices are simulated")
        self._launch([row for row in self._plan.wanted(self._market) if not row.awaited], self._market)
        while missing := [name for name, supervisor in self._supervisors.items() if not supervisor.ready.is_set()]:
            seconds = time.monotonic() - since
            self._give_up_if_hopeless(seconds, limit)
            self._console.progress(f"waiting for {', '.join(missing)} ({seconds:.1f} s)")
            await asyncio.sleep(TICK)

    async def stop(self) -> None:
        """Stop everything, dependents first."""
        rows = [supervisor.launch.process for supervisor in self._supervisors.values()]
        for wave in stopping_waves(rows):
            await asyncio.gather(*(self._supervisors[row.name].stop() for row in wave))
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def kill(self) -> None:
        """End everything at once."""
        for supervisor in self._supervisors.values():
            supervisor.kill()

    def _launch(self, rows: Sequence[Process], market: str) -> None:
        for row in rows:
            supervisor = Supervisor(self._plan.launch(row, market), self._console, self._save)
            self._supervisors[row.name] = supervisor
        for row in rows:
            task = asyncio.create_task(self._run_in_turn(row))
            self._tasks.append(task)
            self._waiting.add(task)

    async def _run_in_turn(self, row: Process) -> None:
        """Run a process once the servers it needs are ready; services find each other by themselves."""
        known = [self._supervisors[name] for name in row.depends_on if name in self._supervisors]
        for supervisor in known:
            if supervisor.launch.process.awaited:
                await supervisor.ready.wait()
        self._waiting = {task for task in self._waiting if task is not asyncio.current_task()}
        await self._supervisors[row.name].run()

    def _give_up_if_hopeless(self, seconds: float, limit: float) -> None:
        for supervisor in self._supervisors.values():
            if supervisor.ready.is_set():
                continue
            if supervisor.exit_code == BAD_SETTINGS or supervisor.crashes >= CRASH_LIMIT:
                raise StartFailed(self._report(supervisor, describe_exit(supervisor.exit_code)))
            if seconds > limit and supervisor.missing != "not started":
                raise StartFailed(self._report(supervisor, f"is not ready after {limit:g} s ({supervisor.missing})"))

    def _report(self, supervisor: Supervisor, why: str) -> str:
        lines = "\n".join(f"    {line}" for line in supervisor.last_lines)
        return f"{supervisor.name} {why}. Its last lines ({supervisor.launch.log}):\n{lines}"

    def _save(self) -> None:
        states = tuple(supervisor.state for supervisor in self._supervisors.values())
        own = os.getpid()
        self._plan.folder.save(StackState(own, started_at(own), self._market, urls(self._plan.ports), states))


def urls(ports: Mapping[str, int]) -> dict[str, str]:
    """Where people find what."""
    plain = f"http://localhost:{ports['gateway_port']}"
    tls = ports["gateway_tls_port"]
    return {
        "Dashboard": f"{plain}/",
        "REST (HTTP/1.1 and h2c)": f"{plain}/api/prices",
        **({"REST (TLS, HTTP/2)": f"https://localhost:{tls}/api/prices"} if tls else {}),
        "Socket.IO": f"http://localhost:{ports['realtime_port']}/socket.io/",
        "API documentation": f"{plain}/docs",
    }


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
