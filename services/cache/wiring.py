"""How the cache service is put together."""

from cryptovault.cache.v1.cache_service_pb2 import DESCRIPTOR
from cryptovault.cache.v1.cache_service_pb2_grpc import add_CacheServiceServicer_to_server

from services.cache.adapters.invalidator import Invalidator
from services.cache.adapters.redis_info import redis_stats
from services.cache.domain import Reports
from services.cache.handlers import CacheHandlers
from services.cache.settings import Settings
from services.kit.boot import Runtime, Service
from services.kit.bus import Bus
from services.kit.rpc import RpcServer
from services.kit.store import Store

STATS_SUBJECTS = "cv.stats.*"


async def wire(settings: Settings, runtime: Runtime) -> None:
    """Build the service."""
    store = await runtime.enter(Store.open(settings.redis_url))
    bus = await runtime.enter(Bus.open(settings.nats_url, runtime.name))
    # Not critical: without one of them the service still tells what it knows of the other.
    runtime.health.add("redis", store.ping, critical=False)
    runtime.health.add("nats", bus.ping, critical=False)
    invalidator = Invalidator(store, runtime.clock)
    runtime.background("sweep", invalidator.run)
    runtime.background("stats", lambda: runtime.stats.run(bus))
    handlers = CacheHandlers(
        Reports(), invalidator, lambda: redis_stats(store), bus, runtime.clock, origin=runtime.replica_id
    )
    await bus.subscribe(STATS_SUBJECTS, handlers.heard)
    runtime.serve(
        RpcServer(
            settings.port,
            register=[(add_CacheServiceServicer_to_server, handlers)],
            service_names=[DESCRIPTOR.services_by_name["CacheService"].full_name],
            health=runtime.health,
            host=settings.rpc_host,
        )
    )


SERVICE = Service(name="cache", settings=Settings, wire=wire)
