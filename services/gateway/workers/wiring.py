"""How a worker is put together: as the gateway, tied to its supervisor."""

from dataclasses import replace

from services.gateway.settings import Settings
from services.gateway.wiring import SERVICE, wire_process
from services.gateway.workers.lifeline import hold
from services.gateway.workers.supervisor import CLOSING
from services.kit.boot import Runtime


async def wire(settings: Settings, runtime: Runtime) -> None:
    """A gateway that lives no longer than its supervisor."""
    grace = settings.predrain_seconds + settings.drain_seconds + CLOSING
    runtime.background("lifeline", lambda: hold(runtime.health, runtime.stopping, grace))
    await wire_process(settings, runtime)


WORKER = replace(SERVICE, wire=wire)
