"""Whether the parts of the suite are well, as /health tells it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from services.gateway.upstreams import Upstreams
from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.kit.health import describe_failure

PROBE_SECONDS = 1.0
KEPT_SECONDS = 0.5  # so that many who ask cost no more than one
DATABASE = "postgres"
DATABASE_OWNERS = ("auth", "prices")  # asked in this order how PostgreSQL is: the gateway has no connection of its own

OK, DEGRADED, DOWN = "ok", "degraded", "down"

Probe = Callable[[], Awaitable[object]]


class Impaired(Exception):
    """A part says that it is well, but calls to it fail or take too long."""


class Component(msgspec.Struct, frozen=True):
    """One part's state."""

    status: str
    latency_ms: float
    detail: str = ""


class Report(msgspec.Struct, frozen=True):
    """The whole suite's state: "down" when nothing can be served, "degraded" when some part is away."""

    status: str
    components: dict[str, Component]


@dataclass(frozen=True)
class _Kept:
    report: Report
    until: float


class Components:
    """Probes all parts side by side."""

    def __init__(self, probes: Mapping[str, Probe], upstreams: Upstreams, clock: Clock) -> None:
        services = {area: _service_probe(upstreams, area) for area in upstreams.areas}
        self._probes = {**probes, DATABASE: _database_probe(upstreams), **services}
        self._services = upstreams.areas
        self._clock = clock
        self._kept: _Kept | None = None
        self._lock = asyncio.Lock()

    async def report(self) -> Report:
        """The present state, at most half a second old."""
        async with self._lock:
            now = self._clock.monotonic()
            if self._kept is None or now >= self._kept.until:
                self._kept = _Kept(await self._probe_all(), self._clock.monotonic() + KEPT_SECONDS)
            return self._kept.report

    async def _probe_all(self) -> Report:
        states = await asyncio.gather(*(self._probe(probe) for probe in self._probes.values()))
        components = dict(zip(self._probes, states, strict=True))
        return Report(self._overall(components), components)

    async def _probe(self, probe: Probe) -> Component:
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await probe()
        except Impaired as error:
            return Component(DEGRADED, self._since(began), str(error))
        except Unavailable as error:
            return Component(DOWN, self._since(began), error.detail)
        except Exception as error:
            return Component(DOWN, self._since(began), describe_failure(error))
        return Component(OK, self._since(began))

    def _since(self, began: float) -> float:
        return round((self._clock.monotonic() - began) * 1000, 3)

    def _overall(self, components: Mapping[str, Component]) -> str:
        if all(component.status == OK for component in components.values()):
            return OK
        served = any(components[area].status != DOWN for area in self._services)
        return DEGRADED if served else DOWN


def _service_probe(upstreams: Upstreams, area: str) -> Probe:
    async def probe() -> None:
        if not await upstreams[area].check("", PROBE_SECONDS):
            raise Unavailable("not ready")
        if left_out := upstreams[area].left_out:
            raise Impaired(_describe(left_out, upstreams[area].size))

    return probe


def _describe(left_out: Sequence[str], size: int) -> str:
    if size == 1:
        return "calls from here fail or are too slow: the circuit breaker is open"
    verb = "is" if len(left_out) == 1 else "are"
    return f"{len(left_out)} of {size} replicas {verb} left out: {', '.join(left_out)}"


def _database_probe(upstreams: Upstreams) -> Probe:
    async def probe() -> None:
        for area in DATABASE_OWNERS:
            if area not in upstreams:
                continue
            try:
                well = await upstreams[area].check(DATABASE, PROBE_SECONDS / len(DATABASE_OWNERS))
            except Exception:  # this one cannot say; the next may know
                continue
            if not well:
                raise Unavailable("PostgreSQL is away")
            return
        raise Unavailable("no service that uses PostgreSQL can be asked")

    return probe
