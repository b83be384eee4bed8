"""The supervisor, with workers that do no more than live, as their supervisor sees it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from services.gateway.workers.supervisor import Supervisor

LIVES = """
import os, select
while not select.select([0], [], [], 0.05)[0]:
    os.write(1, b'.')
"""
FAILS = "raise SystemExit(3)"
FREEZES = "import os, sys, time; os.write(1, b'.'); time.sleep(60)"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.workers.worker.BEAT", 0.3)


@asynccontextmanager
async def supervised(monkeypatch: pytest.MonkeyPatch, program: str, count: int = 3) -> AsyncIterator[Supervisor]:
    monkeypatch.setattr("services.gateway.workers.worker.COMMAND", (sys.executable, "-ISc", program))
    supervisor = Supervisor(count, "gateway", asyncio.Event(), patience=4)
    try:
        await supervisor.start()
        await until(
            lambda: all(worker.up.is_set() for worker in supervisor.workers) and len(supervisor.workers) == count
        )
        yield supervisor
    finally:
        await supervisor.drain(0.5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def pids(supervisor: Supervisor) -> dict[str, int]:
    return {worker.name: worker.pid for worker in supervisor.workers}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_worker_that_is_killed_is_replaced_under_its_name_and_the_others_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with supervised(monkeypatch, LIVES) as supervisor:
        before = pids(supervisor)
        os.kill(before["gateway-2"], signal.SIGKILL)
        await until(lambda: pids(supervisor)["gateway-2"] != before["gateway-2"])
        after = pids(supervisor)
        assert after | {"gateway-2": 0} == before | {"gateway-2": 0}


async def test_when_the_first_cannot_start_the_others_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="exit code 3"):
        async with supervised(monkeypatch, FAILS):
            pass


async def test_a_worker_that_stands_still_is_killed_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with supervised(monkeypatch, FREEZES, count=1) as supervisor:
        before = pids(supervisor)
        await until(lambda: pids(supervisor) != before)
        assert not is_alive(before["gateway-1"])


async def test_all_are_told_to_end_as_soon_as_the_service_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    async with supervised(monkeypatch, LIVES) as supervisor:
        before = pids(supervisor)
        supervisor.stopping.set()
        await until(lambda: not any(map(is_alive, before.values())))
    assert pids(supervisor) == before


async def test_one_that_does_not_end_is_killed_when_the_grace_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.workers.supervisor.CLOSING", 0.2)
    monkeypatch.setattr("services.gateway.workers.worker.BEAT", 10.0)
    async with supervised(monkeypatch, FREEZES, count=2) as supervisor:
        before = pids(supervisor)
    assert not any(map(is_alive, before.values()))
