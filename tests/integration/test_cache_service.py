"""The cache service as a whole: real gRPC, NATS and Valkey."""

import asyncio
import uuid

import grpc
import pytest
from cryptovault.cache.v1.cache_service_pb2 import GetStatsRequest, InvalidateRequest
from cryptovault.cache.v1.cache_service_pb2_grpc import CacheServiceStub

from services.cache.wiring import SERVICE
from services.kit import boot
from services.kit.bus import Bus
from services.kit.cache import MISSING, Cache, CacheOptions
from services.kit.caller import Caller
from services.kit.clock import SystemClock
from services.kit.rpc import channel
from services.kit.settings import load
from services.kit.stats import Stats
from services.kit.store import Store
from services.kit.testing import free_port

ADMIN = Caller(user_id="root", scopes=frozenset({"admin"})).to_metadata()


@pytest.fixture
async def service(valkey_url, nats_url):
    port, stopping = free_port(), asyncio.Event()
    environ = {
        "CV_REDIS_URL": valkey_url,
        "CV_NATS_URL": nats_url,
        "CV_CACHE_PORT": str(port),
        "CV_PREDRAIN_SECONDS": "0",
    }
    running = asyncio.create_task(boot.run(SERVICE, load(SERVICE.settings, environ, "cache"), stopping))
    async with channel(f"127.0.0.1:{port}") as link:
        yield CacheServiceStub(link)
    stopping.set()
    await asyncio.wait_for(running, 20)


@pytest.fixture
async def replica(valkey_url, nats_url):
    """A process with one cache that reports its statistics, as every service does."""
    name = f"test-{uuid.uuid4().hex}"
    async with Store.open(valkey_url) as store, Bus.open(nats_url, "replica") as bus:
        while not bus.connected:
            await asyncio.sleep(0.02)
        options = CacheOptions(shared_timeout=5.0)
        async with Cache[str].open(name, store=store, bus=bus, replica="r1", options=options) as cache:
            stats = Stats("prices", "r1", SystemClock())
            stats.add_cache(lambda: cache.statistics().to_proto())
            reporting = asyncio.create_task(stats.run(bus))
            yield cache
            reporting.cancel()


async def source():
    return "value"


async def test_the_statistics_of_a_replica_arrive_within_seconds(service, replica):
    for _ in range(4):
        await replica.get("user:1", populate_callback=source)
    counted = replica.statistics().to_proto()  # a cache that has just been connected may once forget what it has
    assert counted.l1_hits in (2, 3)
    async with asyncio.timeout(10):
        while True:
            answer = await service.GetStats(GetStatsRequest(), wait_for_ready=True)
            found = [one for one in answer.caches if (one.name, one.l1_hits) == (replica.name, counted.l1_hits)]
            if found:
                break
            await asyncio.sleep(0.1)
    assert (found[0].service, found[0].replica, found[0].l1_hit_rate) == ("prices", "r1", counted.l1_hit_rate)
    assert answer.total.l1_hits >= counted.l1_hits
    assert answer.redis.keys >= 1


async def test_an_admins_invalidation_reaches_the_memory_of_the_replica(service, replica):
    await replica.get("user:1", populate_callback=source)
    answer = await service.Invalidate(InvalidateRequest(pattern="user:*"), metadata=ADMIN, wait_for_ready=True)
    assert answer.removed >= 1
    async with asyncio.timeout(5):
        while replica.get_local("user:1") is not MISSING:
            await asyncio.sleep(0.005)
    assert await replica.get("user:1") is None


@pytest.mark.parametrize(
    ("metadata", "pattern", "code"),
    [
        ((), "user:*", grpc.StatusCode.UNAUTHENTICATED),
        (Caller(user_id="ada").to_metadata(), "user:*", grpc.StatusCode.PERMISSION_DENIED),
        (ADMIN, "*:x", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_what_may_not_be_is_refused_with_its_status(service, metadata, pattern, code):
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await service.Invalidate(InvalidateRequest(pattern=pattern), metadata=metadata, wait_for_ready=True)
    assert refusal.value.code() is code
