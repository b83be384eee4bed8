"""The prices service put together: the only module that names what is behind each interface."""

from functools import partial
from pathlib import Path

import aiohttp
from cryptovault.events.v1.events_pb2 import Tick
from cryptovault.prices.v1 import prices_service_pb2_grpc as grpc_stubs

from services.kit.boot import Runtime, Service
from services.kit.bus import Bus, Delivery
from services.kit.cache import Cache, CacheOptions, Msgpack
from services.kit.db import Database
from services.kit.rpc import RpcServer
from services.kit.store import Store
from services.prices.adapters.candle_store import CandleStore
from services.prices.adapters.instrument_store import InstrumentStore
from services.prices.adapters.latest import LatestReader, LatestWriter
from services.prices.adapters.lease import Lease
from services.prices.backfill import Backfill
from services.prices.board import Board
from services.prices.catalogue import Catalogue
from services.prices.domain.instruments import Instrument, bridge_usdt, select
from services.prices.domain.market import Market
from services.prices.feeds.base import Feed
from services.prices.feeds.binance import Binance
from services.prices.feeds.coinbase import Coinbase
from services.prices.feeds.connection import VenueFeed
from services.prices.feeds.kraken import Kraken
from services.prices.feeds.monitor import Monitor
from services.prices.handlers import PricesHandlers
from services.prices.history import History
from services.prices.publisher import Publisher
from services.prices.settings import BEST_KNOWN, Settings
from services.prices.streams import Streams
from services.prices.tenure import Neighbours, Role, Tenure

REST_TIMEOUT = aiohttp.ClientTimeout(total=20)
INSTRUMENTS = CacheOptions(capacity=10, ttl=5.0, local_ttl=5.0, negative_ttl=0.5, grace=3600.0)
CANDLES = CacheOptions(capacity=1000, ttl=5.0, local_ttl=5.0, grace=600.0)


async def wire(settings: Settings, runtime: Runtime) -> None:
    """Put the service together."""
    clock = runtime.clock
    store = await runtime.enter(Store.open(settings.redis_url))
    bus = await runtime.enter(Bus.open(settings.nats_url, runtime.name))
    database = await runtime.enter(Database.open(settings.database_url))
    http = await runtime.enter(aiohttp.ClientSession(timeout=REST_TIMEOUT))
    # Every replica can answer something without any of these, so none of them makes it unready.
    for name, probe in (("redis", store.ping), ("nats", bus.ping), ("postgres", database.ping)):
        runtime.health.add(name, probe, critical=False)

    lease, streams = Lease(store, clock), Streams()
    neighbours = Neighbours(
        events=bus,
        latest=LatestWriter(store, lease, clock),
        left_behind=LatestReader(store, clock),
        history=CandleStore(database, clock),
        directory=InstrumentStore(database),
    )
    role = Role(partial(_build_tenure, settings, runtime, neighbours, streams, http))
    await _follow(bus, role, streams)
    runtime.background("lease", partial(lease.while_held, role.serve))
    runtime.background("candles", neighbours.history.run)
    runtime.background("streams", partial(streams.close_when, runtime.stopping))
    runtime.background("stats", partial(runtime.stats.run, bus))
    runtime.serve(_server(settings, runtime, await _handlers(runtime, store, bus, role, neighbours, streams)))


def _build_tenure(
    settings: Settings, runtime: Runtime, neighbours: Neighbours, streams: Streams, http: aiohttp.ClientSession
) -> Tenure:
    market = Market()
    publisher = Publisher(
        market,
        neighbours.events,
        neighbours.latest,
        streams,
        hz=settings.publish_hz,
        simulated=settings.simulated,
        clock=runtime.clock,
    )
    tenure = Tenure(publisher, market, neighbours, runtime.clock)
    feeds = _feeds(settings)
    tenure.works.append(Backfill(feeds, http, market, neighbours.history, runtime.clock))
    for feed in feeds:
        monitor = Monitor(feed.name, simulated=settings.simulated, clock=runtime.clock)
        choose = partial(_choose, settings)
        tenure.add(VenueFeed(feed, http, tenure, monitor, choose=choose, clock=runtime.clock), monitor)
    return tenure


def _feeds(settings: Settings) -> list[Feed]:
    # Recorded Binance traffic holds pairs that were recorded as aggregated trades only.
    feeds: tuple[Feed, ...] = (
        Binance(settings.binance_url, settings.binance_rest_url, aggregates=settings.simulated),
        Coinbase(settings.coinbase_url, settings.coinbase_rest_url),
        Kraken(settings.kraken_url, settings.kraken_rest_url),
    )
    return [feed for feed in feeds if feed.name in settings.venues]


def _choose(settings: Settings, listed: list[Instrument]) -> list[Instrument]:
    wanted = settings.symbols or (() if settings.simulated else BEST_KNOWN)
    return select(bridge_usdt(listed) if settings.usdt_as_usd else listed, wanted)


async def _follow(bus: Bus, role: Role, streams: Streams) -> None:
    """Feed this replica's streams from NATS while another one ingests."""

    async def take(delivery: Delivery) -> None:
        if role.tenure is None:
            streams.put(Tick.FromString(delivery.data).price)

    await bus.subscribe("cv.tick.*", take)


async def _handlers(
    runtime: Runtime, store: Store, bus: Bus, role: Role, neighbours: Neighbours, streams: Streams
) -> PricesHandlers:
    replica = runtime.replica_id
    instruments: Cache[list[Instrument]] = await runtime.enter(
        Cache.open(
            "prices.instruments",
            store=store,
            bus=bus,
            replica=replica,
            options=INSTRUMENTS,
            codec=Msgpack(list[Instrument]),
        )
    )
    candles: Cache[bytes] = await runtime.enter(
        Cache.open("prices.candles", store=store, bus=bus, replica=replica, options=CANDLES, codec=Msgpack(bytes))
    )
    runtime.stats.add_cache(lambda: instruments.statistics().to_proto())
    runtime.stats.add_cache(lambda: candles.statistics().to_proto())
    return PricesHandlers(
        Catalogue(role, neighbours.directory, instruments),
        Board(role, neighbours.left_behind, runtime.clock),
        History(role, neighbours.history, candles, runtime.clock),
        streams,
    )


def _server(settings: Settings, runtime: Runtime, handlers: PricesHandlers) -> RpcServer:
    return RpcServer(
        settings.port,
        register=[(grpc_stubs.add_PricesServiceServicer_to_server, handlers)],
        service_names=["cryptovault.prices.v1.PricesService"],
        health=runtime.health,
        host=settings.rpc_host,
    )


SERVICE = Service(name="prices", settings=Settings, wire=wire, migrations=Path(__file__).parent / "migrations")
