"""Boot: order of start and stop, supervision, exit codes."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from services.kit.boot import EXIT_BAD_SETTINGS, Runtime, Service, main, run
from services.kit.settings import CommonSettings, SettingsError, setting


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    port: int = setting("CV_PRICES_PORT", "gRPC port", default=1, minimum=1)


class RecordingServer:
    def __init__(self, story: list[str]) -> None:
        self.story = story

    async def start(self) -> None:
        self.story.append("server started")

    async def drain(self, grace: float) -> None:
        self.story.append("server drained")


@asynccontextmanager
async def resource(story: list[str]) -> AsyncIterator[None]:
    story.append("resource opened")
    yield
    story.append("resource closed")


async def run_briefly(wire) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().call_later(0.2, stopping.set)
    await run(Service(name="prices", settings=Settings, wire=wire), Settings(), stopping)


async def test_what_started_last_stops_first():
    story: list[str] = []

    async def wire(settings: Settings, runtime: Runtime) -> None:
        await runtime.enter(resource(story))
        runtime.serve(RecordingServer(story))

    await run_briefly(wire)
    assert story == ["resource opened", "server started", "server drained", "resource closed"]


async def test_background_work_that_fails_is_started_again():
    attempts: list[int] = []

    async def work() -> None:
        attempts.append(1)
        if len(attempts) < 2:
            raise RuntimeError("first time")

    async def wire(settings: Settings, runtime: Runtime) -> None:
        runtime.background("work", work)

    await run_briefly(wire)
    assert len(attempts) == 2


async def test_a_service_is_ready_only_while_it_runs_and_its_parts_are_well():
    seen: list[bool] = []
    runtimes: list[Runtime] = []

    async def wire(settings: Settings, runtime: Runtime) -> None:
        runtimes.append(runtime)
        runtime.health.on_change(lambda: seen.append(runtime.health.ready))

    await run_briefly(wire)
    assert seen[0] is False  # before the start
    assert True in seen
    assert runtimes[0].health.ready is False  # draining
    assert runtimes[0].health.live is True


def test_wrong_settings_end_with_2_and_name_each_mistake(monkeypatch, capsys):
    async def wire(settings: Settings, runtime: Runtime) -> None:
        pytest.fail("wired in spite of wrong settings")

    monkeypatch.setenv("CV_PRICES_PORT", "zero")
    monkeypatch.setenv("CV_NATS_ULR", "x")
    with pytest.raises(SystemExit) as ended:
        main(Service(name="prices", settings=Settings, wire=wire), [])
    told = capsys.readouterr().err
    assert ended.value.code == EXIT_BAD_SETTINGS
    assert "CV_PRICES_PORT must be a whole number" in told
    assert "did you mean CV_NATS_URL?" in told


def test_settings_that_are_wrong_together_end_with_2_as_well(capsys):
    async def wire(settings: Settings, runtime: Runtime) -> None:
        raise SettingsError(["CV_A and CV_B contradict each other"])

    with pytest.raises(SystemExit) as ended:
        main(Service(name="prices", settings=Settings, wire=wire), [])
    assert ended.value.code == EXIT_BAD_SETTINGS
    assert "contradict each other" in capsys.readouterr().err


def test_importing_the_kit_leaves_the_exporters_out():
    script = "import sys, services.kit.boot; print('opentelemetry.sdk.trace' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "False\n"
