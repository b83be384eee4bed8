"""The running processes of one instance: started together, watched until ready, stopped dependents first."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence

from launcher.console import Console
from launcher.folder import StackState
from launcher.market import LIVE, choose_market
from launcher.model import Process
from launcher.order import stopping_waves
from launcher.plan import Plan
from launcher.processes import started_at
from launcher.supervisor import Supervisor, describe_exit

CRASH_LIMIT = 5  # crashes in a row during the start, then it is given up
BAD_SETTINGS = 2  # exit code of a service that was told something wrong; trying again would not help
OTHERS_SPEAK = 2.0  # seconds for the other services to say what is wrong with theirs
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
        self._given_up_at: float | None = None  # seconds after the start

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
        reasons = {name: self._hopeless(supervisor) for name, supervisor in self._supervisors.items()}
        if any(reasons.values()):
            self._given_up_at = self._given_up_at or seconds
        elif seconds > limit:
            reasons = {name: self._late(supervisor, limit) for name, supervisor in self._supervisors.items()}
            self._given_up_at = seconds - OTHERS_SPEAK
        if self._given_up_at is not None and seconds >= self._given_up_at + OTHERS_SPEAK:
            raise StartFailed("\n".join(self._report(name, why) for name, why in reasons.items() if why))

    def _hopeless(self, supervisor: Supervisor) -> str:
        if supervisor.ready.is_set() or not (supervisor.exit_code == BAD_SETTINGS or supervisor.crashes >= CRASH_LIMIT):
            return ""
        return describe_exit(supervisor.exit_code)

    def _late(self, supervisor: Supervisor, limit: float) -> str:
        return "" if supervisor.ready.is_set() else f"is not ready after {limit:g} s ({supervisor.missing})"

    def _report(self, name: str, why: str) -> str:
        supervisor = self._supervisors[name]
        lines = "\n".join(f"    {line}" for line in supervisor.last_lines)
        return f"{name} {why}. Its last lines ({supervisor.launch.log}):\n{lines}"

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
