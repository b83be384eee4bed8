"""How the gateway is put together: the only module that names concrete adapters."""

from collections.abc import Sequence
from pathlib import Path

from cryptovault.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from hypercorn.config import Config

from services.gateway.api import api_routes
from services.gateway.api_keys import ApiKeys
from services.gateway.app import Parts, application
from services.gateway.balancing.addresses import grpc_target
from services.gateway.certificate import Certificate, development_certificate
from services.gateway.components import Components
from services.gateway.dashboard import Dashboard
from services.gateway.limits.limiter import RateLimiter
from services.gateway.limits.script import ORDER_LUA
from services.gateway.openapi.document import openapi_document
from services.gateway.pages import docs_site, own_routes
from services.gateway.pipeline.response_cache import Stored, Unwritten, cache_options
from services.gateway.resilience.lag import LoopLag
from services.gateway.resilience.statistics import export
from services.gateway.server import HttpServer, check_ports, hypercorn_config
from services.gateway.settings import Settings
from services.gateway.site import Site
from services.gateway.sockets.polling import Polling
from services.gateway.sockets.target import Target, forwarding_session
from services.gateway.sockets.websocket import WebSocketForwarder
from services.gateway.transcoding.catalog import CatalogError, Operation, default_descriptors, load, read_descriptors
from services.gateway.upstreams import Upstreams
from services.gateway.workers.supervisor import Supervisor
from services.gateway.wrong_credentials import WrongCredentials
from services.kit.boot import Runtime, Service
from services.kit.bus import Bus
from services.kit.cache import Cache
from services.kit.rpc import channel
from services.kit.settings import SettingsError
from services.kit.store import Store
from services.kit.token_updates import follow, jwks_of
from services.kit.tokens import TokenVerifier


async def wire(settings: Settings, runtime: Runtime) -> None:
    """Put the gateway together: in this process, or in workers that this one looks after."""
    if settings.workers == 1:
        await wire_process(settings, runtime)
    else:
        check_ports(_hypercorn(settings))
        runtime.serve(Supervisor(settings.workers, runtime.replica_id, runtime.stopping))


async def wire_process(settings: Settings, runtime: Runtime) -> None:
    """Put together a process that serves."""
    operations, description = _api(settings)
    _require_addresses(operations, settings)
    store = await runtime.enter(Store.open(settings.redis_url))
    bus = await runtime.enter(Bus.open(settings.nats_url, runtime.name))
    upstreams = await runtime.enter(Upstreams.open(settings.addresses, runtime.clock, settings.hedge_share))
    export(upstreams.statistics)
    session = await runtime.enter(forwarding_session())
    components = Components({"redis": store.ping, "nats": bus.ping}, upstreams, runtime.clock)
    target = Target(settings.realtime_url)
    lag = LoopLag()
    runtime.background("lag", lag.run)
    wrong = WrongCredentials(runtime.clock)
    verifier, keys = await _credentials(settings, runtime, bus, wrong)
    parts = Parts(
        verifier=verifier,
        keys=keys,
        wrong=wrong,
        limiter=_limiter(runtime, store),
        cache=await _cache(settings, runtime, bus),
        clock=runtime.clock,
        fallback=Dashboard(Site(Path(settings.static_dir))),
        lag=lag,
        cache_stale_share=settings.cache_stale_share,
        rate_limit_factor=settings.rate_limit_factor,
        rate_limit_shadow=settings.rate_limit_shadow,
        tiers=settings.budgets,
        trusted_proxy_hops=settings.trusted_proxy_hops,
        cors_origins=settings.cors_origins,
        traces_per_second=settings.traces_per_second,
    )
    routes = [
        *api_routes(operations, upstreams, runtime.stopping),
        *own_routes(runtime.health, components, description, docs_site()),
        *Polling(session, target).routes(),
    ]
    sockets = WebSocketForwarder(session, target, settings.trusted_proxy_hops, runtime.stopping)
    app = application(routes, parts, sockets)
    connections = settings.connections_per_client
    runtime.serve(HttpServer(app, _hypercorn(settings), settings.http2_engine, connections_per_client=connections))
    runtime.background("stats", lambda: runtime.stats.run(bus))


def _api(settings: Settings) -> tuple[tuple[Operation, ...], bytes]:
    """The operations that the protos declare, and their description."""
    path = Path(settings.descriptors) if settings.descriptors else default_descriptors()
    try:
        descriptors = read_descriptors(path)
        operations = load(descriptors)
        return operations, openapi_document(operations, descriptors)
    except CatalogError as error:
        raise SettingsError([f"CV_GATEWAY_DESCRIPTORS cannot be served: {error}"]) from error


def _require_addresses(operations: Sequence[Operation], settings: Settings) -> None:
    missing = sorted({operation.area for operation in operations} - settings.addresses.keys())
    if missing:
        raise SettingsError(
            [f"CV_GATEWAY_UPSTREAMS gives no address for {area}: add {area}=host:port" for area in missing]
        )


async def _credentials(
    settings: Settings, runtime: Runtime, bus: Bus, wrong: WrongCredentials
) -> tuple[TokenVerifier, ApiKeys]:
    auth = AuthServiceStub(await runtime.enter(channel(grpc_target(settings.addresses["auth"]))))
    verifier = TokenVerifier(jwks_of(auth), runtime.clock, settings.token_issuer, settings.token_audience)
    runtime.background("tokens", lambda: follow(verifier, bus, auth))
    return verifier, ApiKeys(auth, verifier.revocations, runtime.clock, wrong)


def _limiter(runtime: Runtime, store: Store) -> RateLimiter:
    limiter = RateLimiter(store.script(ORDER_LUA), runtime.clock)
    limiter.counts.publish()
    runtime.background("limits", limiter.run)
    return limiter


async def _cache(settings: Settings, runtime: Runtime, bus: Bus) -> Cache[Stored]:
    cache: Cache[Stored] = await runtime.enter(
        Cache.open(
            "responses",
            bus=bus,
            replica=runtime.replica_id,
            options=cache_options(settings.cache_entries),
            codec=Unwritten(),
            clock=runtime.clock,
        )
    )
    runtime.stats.add_cache(lambda: cache.statistics().to_proto())
    return cache


def _hypercorn(settings: Settings) -> Config:
    certificate = _certificate(settings)
    config = hypercorn_config(settings.host, settings.port, settings.tls_port, certificate, settings.workers)
    config.h2_max_concurrent_streams = settings.streams_per_connection
    return config


def _certificate(settings: Settings) -> Certificate | None:
    if settings.tls_port == 0:
        return None
    if settings.tls_cert is not None and settings.tls_key is not None:
        return Certificate(Path(settings.tls_cert), Path(settings.tls_key))
    return development_certificate(Path(settings.tls_dir))


SERVICE = Service(name="gateway", settings=Settings, wire=wire)
