"""Socket.IO on aiohttp: the only module that touches python-socketio and python-engineio (whose versions are pinned).

The libraries do the handshake, the transports' upgrade, pings and acknowledgements. What is sent goes around them: an
event is framed once and the same bytes are written to every WebSocket. Engine.IO's queue serves pollers and the moments
of an upgrade; the direct way is taken only when that queue has been written out, so that order holds.

Here, and not in the libraries: WebSockets without compression (per-socket deflate costs 64 KiB and most of the CPU, see
socket.io issue 3477), a bound on what a slow client may leave unread, a limit of time for the CONNECT packet, and clean
ends for malformed input. Binary events are not part of our contract and end the connection.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from types import MethodType
from typing import Any, Protocol, cast

import engineio
import socketio
from aiohttp import web
from engineio.async_drivers.aiohttp import translate_request
from engineio.async_socket import AsyncSocket
from engineio.packet import CLOSE, MESSAGE
from engineio.packet import Packet as EnginePacket
from engineio.payload import Payload

from services.realtime.adapters.transport import Outbox, WebSocket
from services.realtime.domain import packets
from services.realtime.domain.packets import Packet
from services.realtime.domain.registry import Outlet

logger = logging.getLogger(__name__)

# The libraries log every packet at INFO, tokens included.
library_logger = logging.getLogger(f"{__name__}.library")
library_logger.setLevel(logging.WARNING)

NAMESPACE = "/"
CONNECT_TIMEOUT = 20.0  # seconds an Engine.IO session may stay without a Socket.IO connection
FAREWELL = 1.0  # seconds between a DISCONNECT packet and the end of the transport
MAX_PACKETS_PER_POST = 64

_WEBSOCKET = "websocket"  # key in an Engine.IO session


class Refused(Exception):
    """The client may not connect; the text is sent to it."""


class NotNow(Exception):
    """The client cannot connect at the moment: its transport ends without a word, so that stock clients try again."""


class Clients(Protocol):
    """What happens to clients is told to this."""

    def opened(self, request: web.Request) -> None:
        """An Engine.IO session begins with this request."""
        ...

    def closed(self, request: web.Request) -> None:
        """The Engine.IO session that began with this request has ended."""
        ...

    async def connect(self, socket_id: str, outlet: Outlet, auth: object) -> None:
        """A client connects. Raises Refused or NotNow."""
        ...

    def disconnected(self, socket_id: str) -> None:
        """A client is gone."""
        ...

    async def event(self, socket_id: str, event: str, arguments: tuple[object, ...]) -> object:
        """A client sent an event; returns the acknowledgement."""
        ...

    def was_slow(self) -> None:
        """A client was cut off because it read too slowly."""
        ...


@dataclass(frozen=True, kw_only=True)
class Options:
    """How clients are served. Times are seconds, sizes bytes."""

    allowed_origins: tuple[str, ...] = ("*",)
    max_payload: int = 100_000
    max_buffer: int = 1 << 20
    ping_interval: float = 25.0
    ping_timeout: float = 20.0


class SocketServer:
    """Serves Socket.IO requests and tells `clients` of what happens."""

    def __init__(self, options: Options, clients: Clients) -> None:
        Payload.max_decode_packets = MAX_PACKETS_PER_POST
        self._server = _Server(options, clients)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one HTTP request on the Socket.IO path."""
        return await self._server.handle_request(request)

    async def shutdown(self) -> None:
        """Stop watching clients."""
        await self._server.shutdown()


class _Server(socketio.AsyncServer):
    """python-socketio, without rooms of its own and hardened against malformed input."""

    eio: "_Engine"

    def __init__(self, options: Options, clients: Clients) -> None:
        super().__init__(
            client_manager=_Manager(),
            logger=library_logger,
            engineio_logger=library_logger,
            async_mode="aiohttp",
            async_handlers=False,  # a client's events are handled in the order in which it sent them
            cors_allowed_origins=list(options.allowed_origins),
            cors_credentials=False,
            http_compression=False,
            max_http_buffer_size=options.max_payload,
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
        )
        self.eio.configure(options, clients)
        self._clients = clients
        self.on("connect", self._on_connect)
        self.on("disconnect", self._on_disconnect)
        self.on("*", self._on_event)

    def _engineio_server_class(self) -> type[engineio.AsyncServer]:
        return _Engine

    async def _on_connect(self, sid: str, request: web.Request, auth: object) -> None:
        session = self.eio.sockets[self.manager.eio_sid_from_sid(sid, NAMESPACE) or ""]
        try:
            await self._clients.connect(sid, _Client(self, session, sid), auth)
        except NotNow as refusal:
            self.eio.cut_off(session)
            raise socketio.exceptions.ConnectionRefusedError(str(refusal)) from refusal
        except Refused as refusal:
            raise socketio.exceptions.ConnectionRefusedError(str(refusal)) from refusal
        if session.closed:  # meanwhile
            self._clients.disconnected(sid)

    async def _on_disconnect(self, sid: str, reason: str) -> None:
        self._clients.disconnected(sid)

    async def _on_event(self, event: str, sid: str, *arguments: object) -> object:
        return await self._clients.event(sid, event, arguments)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> bool | None:
        request: web.Request = environ["aiohttp.request"]
        await super()._handle_eio_connect(eio_sid, environ)
        self.environ[eio_sid] = (
            request  # instead of a WSGI environment, which costs kilobytes for a socket's whole life
        )
        self._clients.opened(request)
        asyncio.get_running_loop().call_later(CONNECT_TIMEOUT, self._expect_connection, eio_sid)
        return None

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        request = self.environ.get(eio_sid)
        await super()._handle_eio_disconnect(eio_sid, reason)
        self.eio.release_poll(eio_sid)
        if request is not None:
            self._clients.closed(request)

    async def _handle_eio_message(self, eio_sid: str, data: object) -> None:
        try:
            if not isinstance(data, str) or data[:1] in ("5", "6"):
                raise ValueError("binary packets are not part of the contract")
            await super()._handle_eio_message(eio_sid, data)
        except Exception as error:
            logger.info("malformed packet from a client: %s", type(error).__name__)
            self._end(eio_sid)

    def _expect_connection(self, eio_sid: str) -> None:
        if self.manager.sid_from_eio_sid(eio_sid, NAMESPACE) is None:
            self._end(eio_sid)

    def _end(self, eio_sid: str) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is not None:
            self.eio.end(session)


class _Manager(socketio.AsyncManager):
    """python-socketio's book of clients. Rooms live in the domain: here a client is in its own and in everybody's."""

    def basic_disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        """Forget a client without a look into every other client's room, which makes a mass disconnect quadratic."""
        rooms = self.rooms.get(namespace, {})
        own = {name: rooms[name] for name in (None, sid) if name in rooms}
        self.rooms[namespace] = own
        super().basic_disconnect(sid, namespace, **kwargs)
        for name in (None, sid):
            if name not in own:
                rooms.pop(name, None)
        if rooms:
            self.rooms[namespace] = rooms
        else:
            self.rooms.pop(namespace, None)


class _Engine(engineio.AsyncServer):
    """python-engineio with our WebSocket, and a direct way to it."""

    def configure(self, options: Options, clients: Clients) -> None:
        """Set what the library's constructor has no argument for."""
        self._clients = clients
        self._max_buffer = options.max_buffer
        self._async = {**self._async, "websocket": _open_websocket, "translate_request": _translate}
        self._endings: set[asyncio.Task[None]] = set()

    def create_queue(self, *args: Any, **kwargs: Any) -> Outbox[EnginePacket]:
        """The queue of a new session."""
        return Outbox()

    async def send_packet(self, sid: str, pkt: EnginePacket) -> None:
        """Send a message of the library's: an acknowledgement, or the answer to CONNECT."""
        session = self.sockets.get(sid)
        if session is None or session.closed:
            return
        outbox = _outbox(session)
        if session.upgraded and not outbox.unwritten:
            unsent = _websocket(session).write(packets.frame(str(pkt.encode()).encode()))
        else:
            unsent = outbox.add(pkt)
        self._check(session, unsent)

    def post(self, session: AsyncSocket, packet: Packet) -> None:
        """Send an event of ours."""
        if session.closed:
            return
        outbox = _outbox(session)
        if session.upgraded and not outbox.unwritten:
            unsent = _websocket(session).write(packet.frame)
        else:
            unsent = outbox.add(EnginePacket(MESSAGE, packet.text))
        self._check(session, unsent)

    def end(self, session: AsyncSocket) -> None:
        """End a session's transport, whatever the client does."""
        if not session.closed:
            self.spawn(_websocket(session).close() if session.upgraded else self._close_polling(session))

    def release_poll(self, sid: str) -> None:
        """Answer the GET that a poller may have left open; the library would keep it until a ping is due."""
        session = self.sockets.get(sid)
        if session is not None and not session.upgraded:
            _outbox(session).add(EnginePacket(CLOSE))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something end in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def _check(self, session: AsyncSocket, unsent: int) -> None:
        if unsent > self._max_buffer and not _outbox(session).abandoned:
            logger.info("a client that reads too slowly is cut off")
            self._clients.was_slow()
            self.cut_off(session)

    def cut_off(self, session: AsyncSocket) -> None:
        """End a session's transport without sending what waits."""
        _outbox(session).abandoned = True
        if session.upgraded:
            _websocket(session).abort()
        else:
            self.end(session)

    async def _close_polling(self, session: AsyncSocket) -> None:
        await session.close(wait=False, reason=self.reason.SERVER_DISCONNECT)


class _Client:
    """The way to one client."""

    __slots__ = ("_server", "_session", "_sid")

    def __init__(self, server: _Server, session: AsyncSocket, sid: str) -> None:
        self._server = server
        self._session = session
        self._sid = sid

    @property
    def transport(self) -> str:
        """Either "websocket" or "polling"."""
        return "websocket" if self._session.upgraded else "polling"

    def send(self, packet: Packet) -> None:
        """Write an event, after whatever was written before."""
        self._server.eio.post(self._session, packet)

    def disconnect(self) -> None:
        """End the Socket.IO connection, and a little later the transport, should the client keep it."""
        engine = self._server.eio
        engine.spawn(self._server.disconnect(self._sid))
        asyncio.get_running_loop().call_later(FAREWELL, engine.end, self._session)

    def close(self) -> None:
        """End the transport."""
        self._server.eio.end(self._session)


class _Body:
    """The body of a POST, read in full."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self, size: int) -> bytes:
        """The body."""
        return self._content[:size]


async def _translate(request: web.Request) -> dict[str, Any]:
    """The WSGI environment that Engine.IO wants. Answers 400 to a malformed POST, which the library would take."""
    environ = translate_request(request)
    if request.method == "POST":
        content = await request.read()
        try:
            Payload(encoded_payload=content.decode())
        except ValueError:
            raise web.HTTPBadRequest(text="malformed payload") from None
        environ["wsgi.input"] = _Body(content)
        environ["CONTENT_LENGTH"] = str(len(content))
    return environ


def _open_websocket(handler: MethodType, server: engineio.AsyncServer) -> WebSocket:
    """The library's way to make the WebSocket of a session, whose method `handler` is."""
    session = cast("AsyncSocket", handler.__self__)
    session.session[_WEBSOCKET] = WebSocket(handler, server.max_http_buffer_size)
    return _websocket(session)


def _outbox(session: AsyncSocket) -> Outbox[EnginePacket]:
    return cast("Outbox[EnginePacket]", session.queue)


def _websocket(session: AsyncSocket) -> WebSocket:
    return cast("WebSocket", session.session[_WEBSOCKET])
