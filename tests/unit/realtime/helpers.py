"""What the tests of realtime share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import socketio
from cryptovault.events.v1 import events_pb2 as pb

from services.kit.bus import Delivery
from services.kit.clock import SystemClock
from services.kit.errors import Unauthenticated, Unavailable
from services.kit.health import Health
from services.kit.testing import FakeBus, FakeClock
from services.kit.tokens import Claims
from services.realtime.adapters.flusher import Flusher
from services.realtime.adapters.http import HttpServer, Listening
from services.realtime.adapters.user_events import Stored
from services.realtime.domain.admission import Admission
from services.realtime.domain.hub import Hub
from services.realtime.domain.market import Market
from services.realtime.domain.packets import SEPARATOR, Packet
from services.realtime.domain.payloads import Quote, Tick
from services.realtime.domain.registry import Socket
from services.realtime.domain.streams import Rates
from services.realtime.engine.session import Options
from services.realtime.handlers.answers import Answers
from services.realtime.handlers.clients import ClientHandlers
from services.realtime.handlers.cluster import Cluster
from services.realtime.handlers.recovery import Recovery
from services.realtime.handlers.rooms import Rooms
from services.realtime.handlers.stats import figures
from services.realtime.handlers.subjects import SubjectHandlers
from services.realtime.socketio_adapter import SocketServer

NOW = 1_700_000_000_000.0  # the FakeClock's start, in milliseconds
PATIENCE = 5.0  # seconds


def tick(symbol: str = "BTC-USD", price: str = "61234.50", seq: int = 1, published_at: float = NOW) -> Tick:
    return Tick(symbol, Quote(price, "61234.00", "61235.00", "1.5", "GOOD", seq, published_at - 20), published_at)


class FakeOutlet:
    """Remembers what was sent."""

    transport = "websocket"

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.disconnected = False
        self.closed = False

    def write(self, frame: bytes) -> int:
        raise BlockingIOError

    def send(self, packet: Packet, taken: int = 0) -> None:
        self.packets.append(packet)

    def disconnect(self) -> None:
        self.disconnected = True

    def close(self) -> None:
        self.closed = True

    def cut_off(self) -> None:
        self.closed = True

    def events(self, name: str = "") -> list[Any]:
        """The data of what was sent under a name, or name and data of everything but offsets."""
        payloads = [payload for packet in self.packets for payload in packet.payload.split(SEPARATOR)]
        decoded = [tuple(msgspec.json.decode(payload[2:])) for payload in payloads]
        if name:
            return [data for event, data in decoded if event == name]
        return [item for item in decoded if item[0] != "offset"]


def build_hub(clock: FakeClock, market: Market | None = None, max_subscriptions: int = 50) -> Hub:
    return Hub("node-1", market or Market(Rates(), clock), clock, max_subscriptions)


def join(hub: Hub, *channels: str, id: str = "s1", identity: Any = None) -> tuple[Socket, FakeOutlet]:
    """A socket that has subscribed."""
    outlet = FakeOutlet()
    socket = Socket(id, outlet)
    hub.connect(socket, identity)
    hub.join(socket, hub.subscribe(socket, channels).subscribed)
    return socket, outlet


class FakeAcknowledgers:
    """Clients that acknowledge at once, but for those that never do."""

    def __init__(self) -> None:
        self.mute: set[str] = set()

    async def ask(self, socket_ids: Any, send: Callable[[int], None], deadline: float) -> dict[str, tuple[object, ...]]:
        send(1)
        return {id: ("yes",) for id in socket_ids if id not in self.mute}


def build_cluster(
    node: str, bus: FakeBus, hub: Hub, clock: FakeClock, clients: FakeAcknowledgers | None = None
) -> Cluster:
    """A node among others on the same bus; it takes part with `join`."""
    rooms = Rooms(bus, SubjectHandlers(hub, clock).room, hub.registry.subscribers, clock)
    answers = Answers(
        node,
        hub,
        rooms,
        clients or FakeAcknowledgers(),
        lambda: figures(node, hub, {"websocket": len(hub.registry)}, clock.monotonic()),
    )
    return Cluster(node, bus, answers, clock)


class FakeVerifier:
    """Knows the tokens `token-of-<user>`, which last ten minutes."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()  # users

    async def verify(self, token: str) -> Claims:
        if token == "later":
            raise Unavailable("the keys of access tokens are not known yet")
        if not token.startswith("token-of-"):
            raise Unauthenticated("the access token is malformed", reason="token_invalid")
        user = token.removeprefix("token-of-")
        if user in self.revoked:
            raise Unauthenticated("the session has ended", reason="token_revoked")
        return Claims(user, f"session-of-{user}", frozenset(), 1, SystemClock().time() + 600, "jti")


class FakeHistory:
    """Remembers user events as the stream does."""

    def __init__(self) -> None:
        self.events: list[Stored] = []
        self.reads = 0
        self.on_read: Callable[[], object] = lambda: None

    def keep(self, id: int, user: str = "ann", event: str = "note") -> Stored:
        stored = Stored(id, pb.UserEvent(user_id=user, event=event, data_json=b'{"n":%d}' % id).SerializeToString())
        self.events.append(stored)
        return stored

    async def after(self, user_id: str, after: int, limit: int) -> list[Stored]:
        self.reads += 1
        self.on_read()
        mine = [item for item in self.events if pb.UserEvent.FromString(item.data).user_id == user_id]
        return [item for item in mine if item.id > after][:limit]


class Node:
    """A whole node without NATS: what the bus would bring is delivered by hand."""

    def __init__(
        self,
        port: int,
        *,
        per_address: int = 0,
        per_user: int = 0,
        trusted_hops: int = 0,
        handshakes_per_second: float = 2000.0,
        drain_spread: float = 0.1,
        **options: Any,
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.clock = SystemClock()
        self.bus = FakeBus()
        self.health = Health()
        market = Market(Rates(prices=20, symbol=50, candles=50), self.clock)
        self.hub = Hub("node-1", market, self.clock, max_subscriptions=50)
        self.history = FakeHistory()
        self.verifier = FakeVerifier()
        Flusher(self.hub, self.clock)
        self.subjects = SubjectHandlers(self.hub, self.clock)
        self.rooms = Rooms(self.bus, self.subjects.room, self.hub.registry.subscribers, self.clock)
        self.clients = ClientHandlers(
            self.hub,
            self.rooms,
            self.verifier,
            Recovery(self.hub, self.rooms, self.history),
            Admission(per_address, per_user),
            trusted_hops,
        )
        listening = Listening(
            host="127.0.0.1",
            port=port,
            max_payload=10_000,
            drain_spread=drain_spread,
            handshakes_per_second=handshakes_per_second,
        )
        self.sockets = SocketServer(Options(max_payload=10_000, **options), self.clients)
        self.server = HttpServer(listening, self.sockets, self.clients, self.hub, self.health)


@asynccontextmanager
async def running(node: Node) -> AsyncIterator[Node]:
    await node.subjects.subscribe(node.bus)
    await node.server.start()
    yield node
    await node.server.drain(1)


class Client:
    """A stock Python client that remembers what it receives."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Any]] = []
        self.sio = socketio.AsyncClient(reconnection=False)
        self.sio.on("*", self._remember)
        self._arrived = asyncio.Event()

    async def _remember(self, event: str, data: Any = None) -> None:
        self.received.append((event, data))
        self._arrived.set()

    def all(self, event: str) -> list[Any]:
        return [data for name, data in self.received if name == event]

    async def next(self, event: str, count: int = 1) -> Any:
        """The data of the `count`th event of this name, as soon as it is there."""
        async with asyncio.timeout(PATIENCE):
            while len(self.all(event)) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.all(event)[count - 1]

    async def call(self, event: str, *arguments: Any) -> Any:
        data = arguments[0] if len(arguments) == 1 else tuple(arguments)
        return await self.sio.call(event, data, timeout=PATIENCE)


async def eventually(condition: Any) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def delivery(message: Any) -> Delivery:
    return Delivery("test", message.SerializeToString())
