"""Three questions that are not one: has it started, is it alive, is it ready?

started  wiring is done and the servers listen.
live     the event loop turns; a dependency's failure never makes a process "not live", or it would be killed for it.
ready    started, not draining, and every critical component answered its last probe.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from services.kit.clock import Clock, SystemClock

logger = logging.getLogger(__name__)

Probe = Callable[[], Awaitable[object]]

PROBE_INTERVAL = 1.0  # seconds
PROBE_TIMEOUT = 1.5  # seconds; more than the drivers' own, whose errors say more than a cancellation


class Status(Enum):
    """How a component is."""

    OK = "ok"
    DOWN = "down"


@dataclass(frozen=True)
class ComponentHealth:
    """What the last probe of one component said."""

    status: Status
    latency_ms: float = 0.0
    detail: str = ""


@dataclass
class _Component:
    probe: Probe
    critical: bool
    health: ComponentHealth = field(default_factory=lambda: ComponentHealth(Status.DOWN, detail="not probed yet"))


class Health:
    """What a service knows of its own state; one object answers all three questions."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._components: dict[str, _Component] = {}
        self._listeners: list[Callable[[], None]] = []
        self.started = False
        self.draining = False

    def add(self, name: str, probe: Probe, *, critical: bool = True) -> None:
        """Watch a component: `probe` raises when it is not well."""
        self._components[name] = _Component(probe, critical)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every round of probes and every change of phase."""
        self._listeners.append(listener)

    @property
    def live(self) -> bool:
        """Whether the process deserves to go on: it could answer this."""
        return True

    @property
    def ready(self) -> bool:
        """Whether it should be sent work."""
        critical = (item.health.status for item in self._components.values() if item.critical)
        return self.started and not self.draining and all(status is Status.OK for status in critical)

    @property
    def components(self) -> dict[str, ComponentHealth]:
        """What the last probes said, by component."""
        return {name: item.health for name, item in self._components.items()}

    def mark_started(self) -> None:
        """The servers listen."""
        self.started = True
        self._notify()

    def mark_draining(self) -> None:
        """No new work, please."""
        self.draining = True
        self._notify()

    async def watch(self) -> None:
        """Probe all components again and again, until cancelled."""
        while True:
            await self.probe_once()
            await self._clock.sleep(PROBE_INTERVAL)

    async def probe_once(self) -> None:
        """Probe all components once, side by side."""
        await asyncio.gather(*(self._probe(name, item) for name, item in self._components.items()))
        self._notify()

    async def _probe(self, name: str, item: _Component) -> None:
        before, began = item.health, self._clock.monotonic()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                await item.probe()
        except Exception as error:
            item.health = ComponentHealth(Status.DOWN, detail=describe_failure(error))
        else:
            item.health = ComponentHealth(Status.OK, latency_ms=round((self._clock.monotonic() - began) * 1000, 3))
        if before.status is not item.health.status:
            logger.info("%s is %s %s", name, item.health.status.value, item.health.detail)

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()


def describe_failure(error: BaseException) -> str:
    """A failure in a few words, without the addresses and secrets that driver texts may hold."""
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
