"""How realtime is put together."""

from cryptovault.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from cryptovault.prices.v1.prices_service_pb2_grpc import PricesServiceStub
from cryptovault.realtime.v1.realtime_service_pb2 import DESCRIPTOR
from cryptovault.realtime.v1.realtime_service_pb2_grpc import add_RealtimeServiceServicer_to_server
from cryptovault.realtime.v1.stats_pb2 import SocketStats

from services.kit.boot import Runtime, Service
from services.kit.bus import Bus
from services.kit.rpc import RpcServer, channel
from services.kit.token_updates import follow, jwks_of
from services.kit.tokens import TokenVerifier
from services.realtime.adapters.flusher import Flusher
from services.realtime.adapters.http import HttpServer, Listening
from services.realtime.adapters.prices import Warmer
from services.realtime.adapters.user_events import UserEvents
from services.realtime.domain.admission import Admission
from services.realtime.domain.hub import Hub
from services.realtime.domain.market import Market
from services.realtime.domain.streams import Rates
from services.realtime.engine.session import Options
from services.realtime.handlers.answers import Answers
from services.realtime.handlers.clients import ClientHandlers
from services.realtime.handlers.cluster import Cluster
from services.realtime.handlers.recovery import Recovery
from services.realtime.handlers.rooms import Rooms
from services.realtime.handlers.rpc import RealtimeHandlers
from services.realtime.handlers.stats import figures
from services.realtime.handlers.subjects import SubjectHandlers
from services.realtime.settings import Settings
from services.realtime.socketio_adapter import SocketServer


async def wire(settings: Settings, runtime: Runtime) -> None:
    """Build the service."""
    bus = await runtime.enter(Bus.open(settings.nats_url, runtime.name))
    # Not critical: without NATS every node is equally mute, and clients are better off staying than being turned away.
    runtime.health.add("nats", bus.ping, critical=False)
    market = Market(Rates(settings.prices_hz, settings.symbol_hz, settings.candles_hz), runtime.clock)
    hub = Hub(runtime.replica_id, market, runtime.clock, settings.max_subscriptions)
    Flusher(hub, runtime.clock)
    verifier = await _verify_tokens(settings, runtime, bus, hub)
    await _follow_prices(settings, runtime, bus, hub)
    subjects = SubjectHandlers(hub, runtime.clock)
    events = await _follow_subjects(runtime, bus, hub, subjects)
    rooms = _follow_rooms(runtime, bus, hub, subjects)
    sockets = _serve_clients(settings, runtime, hub, rooms, verifier, Recovery(hub, rooms, events))
    cluster = await _join_cluster(runtime, bus, hub, rooms, sockets)
    _serve_calls(settings, runtime, RealtimeHandlers(bus, events, cluster, runtime.clock))


async def _verify_tokens(settings: Settings, runtime: Runtime, bus: Bus, hub: Hub) -> TokenVerifier:
    auth = AuthServiceStub(await runtime.enter(channel(settings.auth_address)))
    verifier = TokenVerifier(jwks_of(auth), runtime.clock, settings.token_issuer, settings.token_audience)
    verifier.revocations.on_revoked(lambda entry: hub.revoke(entry.user_id, entry.session_id, entry.epoch))
    runtime.health.add("tokens", verifier.probe, critical=False)
    runtime.background("tokens", lambda: follow(verifier, bus, auth))
    return verifier


async def _follow_prices(settings: Settings, runtime: Runtime, bus: Bus, hub: Hub) -> None:
    prices = PricesServiceStub(await runtime.enter(channel(settings.prices_address)))
    warmer = Warmer(hub.market, prices)
    bus.on_connect(warmer.connected)
    runtime.background("warmer", warmer.run)


async def _follow_subjects(runtime: Runtime, bus: Bus, hub: Hub, subjects: SubjectHandlers) -> UserEvents:
    events = UserEvents(bus)
    await subjects.subscribe(bus)
    runtime.background("user events", lambda: events.follow(subjects.user, hub.begin))
    runtime.background("watch", subjects.watch)
    return events


def _follow_rooms(runtime: Runtime, bus: Bus, hub: Hub, subjects: SubjectHandlers) -> Rooms:
    rooms = Rooms(bus, subjects.room, hub.registry.subscribers, runtime.clock)
    runtime.background("rooms", rooms.watch)
    return rooms


def _serve_clients(
    settings: Settings, runtime: Runtime, hub: Hub, rooms: Rooms, verifier: TokenVerifier, recovery: Recovery
) -> SocketServer:
    admission = Admission(settings.connections_per_ip, settings.connections_per_user)
    clients = ClientHandlers(hub, rooms, verifier, recovery, admission, settings.trusted_proxy_hops)
    options = Options(
        allowed_origins=settings.allowed_origins,
        max_payload=settings.max_payload_bytes,
        hold_buffer=settings.max_buffer_bytes // 16,
        max_buffer=settings.max_buffer_bytes,
        messages_per_second=settings.messages_per_second,
        ping_interval=settings.ping_interval_seconds,
        ping_timeout=settings.ping_timeout_seconds,
    )
    listening = Listening(
        host=settings.host,
        port=settings.port,
        max_payload=settings.max_payload_bytes,
        drain_spread=settings.drain_spread_seconds,
        handshakes_per_second=settings.handshakes_per_second,
    )
    sockets = SocketServer(options, clients)
    runtime.serve(HttpServer(listening, sockets, clients, hub, runtime.health))
    return sockets


async def _join_cluster(runtime: Runtime, bus: Bus, hub: Hub, rooms: Rooms, sockets: SocketServer) -> Cluster:
    def own() -> SocketStats:
        return figures(runtime.replica_id, hub, sockets.transports, runtime.clock.monotonic())

    runtime.stats.set_sockets(own)
    runtime.background("stats", lambda: runtime.stats.run(bus))
    cluster = Cluster(runtime.replica_id, bus, Answers(runtime.replica_id, hub, rooms, sockets, own), runtime.clock)
    await runtime.enter(cluster.join())
    return cluster


def _serve_calls(settings: Settings, runtime: Runtime, handlers: RealtimeHandlers) -> None:
    server = RpcServer(
        settings.grpc_port,
        register=[(add_RealtimeServiceServicer_to_server, handlers)],
        service_names=[DESCRIPTOR.services_by_name["RealtimeService"].full_name],
        health=runtime.health,
        host=settings.rpc_host,
    )
    runtime.serve(server)


SERVICE = Service(name="realtime", settings=Settings, wire=wire)
