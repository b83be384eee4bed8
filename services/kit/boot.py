"""One way to start and stop every service.

settings → logs → telemetry → resources (the service's `wire`) → background tasks → servers → a signal → drain, all in
reverse. Telemetry is flushed last, so that the spans of the drain itself arrive.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import uvloop

from services.kit import logs, memory, telemetry
from services.kit.cancellation import end
from services.kit.clock import Clock, SystemClock
from services.kit.db import Database, migrate_when_there
from services.kit.errors import Unavailable
from services.kit.health import Health
from services.kit.retry import Backoff
from services.kit.settings import CommonSettings, DatabaseSettings, SettingsError, describe, load, markdown
from services.kit.stats import Stats

logger = logging.getLogger(__name__)

SettingsType = TypeVar("SettingsType", bound=CommonSettings)
Resource = TypeVar("Resource")

EXIT_BAD_SETTINGS = 2
CANCEL_ATTEMPTS = 40  # at a background task that does not end


class Server(Protocol):
    """Something that listens."""

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        ...

    async def drain(self, grace: float) -> None:
        """Take no new work; return when the work in flight is done, or after `grace` seconds."""
        ...


@dataclass(frozen=True)
class Command(Generic[SettingsType]):
    """An operator's command, run by `python -m services.<name> <command> [arguments]`; returns the exit code."""

    help: str
    run: Callable[[SettingsType, Sequence[str]], Coroutine[Any, Any, int]]


@dataclass(frozen=True, kw_only=True)
class Service(Generic[SettingsType]):
    """A service as its `wiring` module describes it."""

    name: str
    settings: type[SettingsType]
    wire: Callable[[SettingsType, "Runtime"], Awaitable[None]]
    migrations: Path | None = None  # SQL files of the schema that bears the service's name
    commands: Mapping[str, Command[SettingsType]] = field(default_factory=dict)


class Runtime:
    """What `wire` builds a service with."""

    def __init__(self, name: str, settings: CommonSettings, stack: AsyncExitStack, clock: Clock | None = None) -> None:
        self.name = name
        self.replica_id = settings.replica
        self.clock = clock or SystemClock()
        self.health = Health(self.clock)
        self.stats = Stats(name, self.replica_id, self.clock)
        self.stopping = asyncio.Event()
        self._settings = settings
        self._stack = stack
        self._servers: list[Server] = []
        self._background: dict[str, Callable[[], Awaitable[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def enter(self, resource: AbstractAsyncContextManager[Resource]) -> Resource:
        """Open a resource that is closed, in reverse order, when the service has drained."""
        return await self._stack.enter_async_context(resource)

    def background(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` while the service runs. If it raises, it is logged and started again after a pause."""
        self._background[name] = work

    def serve(self, server: Server) -> None:
        """Start a server after wiring; it is the first thing that is drained."""
        self._servers.append(server)

    async def start(self) -> None:
        """Start the background tasks, then the servers."""
        self._background |= {"health": self.health.watch, "memory": lambda: memory.collect(self.clock)}
        await self.health.probe_once()
        self._tasks = [asyncio.create_task(self._supervise(*item), name=item[0]) for item in self._background.items()]
        for server in self._servers:
            await server.start()
        self.health.mark_started()
        logger.info("%s is up", self.name)

    async def drain(self) -> None:
        """Say "not ready", let the servers finish, then stop the background tasks."""
        self.health.mark_draining()
        await asyncio.sleep(self._settings.predrain_seconds)
        await asyncio.gather(*(server.drain(self._settings.drain_seconds) for server in reversed(self._servers)))
        await self._end_background()

    async def _end_background(self) -> None:
        pending = await end(self._tasks, CANCEL_ATTEMPTS)
        if pending:
            names = (task.get_name() for task in self._tasks if task in pending)
            logger.error("these tasks do not end: %s", ", ".join(sorted(names)))

    async def _supervise(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        pauses = Backoff().pauses()
        while True:
            began = self.clock.monotonic()
            try:
                await work()
                return
            except Exception as error:
                logger.exception("%s failed and is started again", name)
                telemetry.capture(error)
            if self.clock.monotonic() - began > 30:
                pauses = Backoff().pauses()
            await self.clock.sleep(next(pauses))


async def run(service: Service[SettingsType], settings: SettingsType, stopping: asyncio.Event | None = None) -> None:
    """Run a service until a signal, or until `stopping` is set."""
    async with AsyncExitStack() as stack:
        runtime = Runtime(service.name, settings, stack)
        runtime.stopping = stopping or runtime.stopping
        if service.migrations is not None:
            await _schedule_migrations(runtime, settings, service.migrations)
        await service.wire(settings, runtime)
        try:
            await runtime.start()
            memory.settle()
            _stop_on_signals(runtime.stopping)
            await runtime.stopping.wait()
            logger.info("%s is stopping", service.name)
        finally:
            await runtime.drain()


async def _schedule_migrations(runtime: Runtime, settings: CommonSettings, folder: Path) -> None:
    """Migrate in the background, since PostgreSQL may come later. What needs no table is served meanwhile."""
    if not isinstance(settings, DatabaseSettings) or not settings.migrate_at_start:
        return
    url, done = settings.database_url, asyncio.Event()

    async def work() -> None:
        async with Database.open(url, max_connections=1) as database:
            await migrate_when_there(database, runtime.name, folder)
        done.set()

    async def probe() -> None:
        if not done.is_set():
            raise Unavailable("migrations are not applied yet")

    runtime.background("migrate", work)
    runtime.health.add("schema", probe, critical=False)


def _stop_on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


def main(service: Service[Any], arguments: Sequence[str] | None = None) -> None:
    """The command line of a service. Exits with 2 when a setting is wrong, 1 when it cannot start."""
    options = _parser(service).parse_args(arguments)
    if options.config_doc:
        sys.stdout.write(markdown(service.name, service.settings))
        return
    settings = _load_or_exit(service)
    if options.check_config:
        sys.stdout.writelines(f"{name}={value}\n" for name, value in describe(settings).items())
        return
    logs.setup(service.name, settings.replica, level=settings.log_level, form=settings.log_format)
    if options.command:
        sys.exit(uvloop.run(_command(service, options.command).run(settings, options.arguments)))
    _serve(service, settings)


def _serve(service: Service[Any], settings: CommonSettings) -> None:
    sent = telemetry.setup(
        service.name,
        settings.replica,
        sentry_dsn=settings.sentry_dsn,
        sentry_traces_sample_rate=settings.sentry_traces_sample_rate,
    )
    try:
        uvloop.run(run(service, settings))
    except SettingsError as error:  # found by wiring: settings that are right one by one, and wrong together
        _tell(service, error)
        sys.exit(EXIT_BAD_SETTINGS)
    except OSError as error:
        logger.error("%s cannot start: %s", service.name, error)
        sys.exit(1)
    finally:
        sent.shutdown()


def _parser(service: Service[Any]) -> argparse.ArgumentParser:
    commands = _commands(service)
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{service.name}",
        description=f"Run the {service.name} service. Settings are environment variables; see docs/configuration.md.",
        epilog="\n".join(f"{name}: {command.help}" for name, command in commands.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check-config", action="store_true", help="check the settings, print them and exit")
    parser.add_argument("--config-doc", action="store_true", help="print the table of settings and exit")
    parser.set_defaults(command=None, arguments=[])
    if commands:
        parser.add_argument("command", nargs="?", choices=list(commands), help="run an operator's command instead")
        parser.add_argument("arguments", nargs="*", help="the command's arguments")
    return parser


def _commands(service: Service[Any]) -> dict[str, Command[Any]]:
    own = dict(service.commands)
    if service.migrations is not None:
        own["migrate"] = Command("apply the migrations that are new, and exit", _migrate_command(service))
    return own


def _command(service: Service[Any], name: str) -> Command[Any]:
    return _commands(service)[name]


def _migrate_command(service: Service[Any]) -> Callable[[Any, Sequence[str]], Coroutine[Any, Any, int]]:
    async def migrate_now(settings: Any, arguments: Sequence[str]) -> int:
        async with Database.open(settings.database_url, max_connections=1) as database:
            await migrate_when_there(database, service.name, service.migrations or Path())
        return 0

    return migrate_now


def _load_or_exit(service: Service[Any]) -> Any:
    try:
        return load(service.settings, os.environ, service.name)
    except SettingsError as error:
        _tell(service, error)
        sys.exit(EXIT_BAD_SETTINGS)


def _tell(service: Service[Any], error: SettingsError) -> None:
    sys.stderr.write(f"{service.name} cannot start: {len(error.problems)} setting(s) are wrong\n")
    sys.stderr.writelines(f"  - {problem}\n" for problem in error.problems)
