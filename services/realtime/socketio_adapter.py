"""Clients over Socket.IO: what python-socketio and the engine tell becomes calls of `Clients`, and back.

What is sent goes past the library: an event is encoded and framed once, and the same bytes are written to every socket.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Protocol

from aiohttp import web
from socketio.exceptions import ConnectionRefusedError

from services.realtime.acknowledgements import ask
from services.realtime.domain.packets import Bundle, Packet
from services.realtime.domain.registry import Outlet, Write
from services.realtime.engine.session import BY_SERVER, SLOW, TOO_FAST, Options, Session
from services.realtime.socketio_server import SocketIO

logger = logging.getLogger(__name__)

FAREWELL = 1.0  # seconds between a DISCONNECT packet and the end of the transport


class Refused(Exception):
    """The client may not connect; the text is sent to it."""


class NotNow(Exception):
    """The client cannot connect at the moment: its transport ends without a word, so that stock clients try again."""


class Clients(Protocol):
    """What happens to clients is told to this."""

    def opened(self, address: str) -> None:
        """A session of this address begins."""
        ...

    def closed(self, address: str, reason: str) -> None:
        """A session of this address has ended."""
        ...

    async def connect(self, socket_id: str, outlet: Outlet, auth: object) -> dict[str, str]:
        """A client connects; returns what CONNECT says besides the id. Raises Refused or NotNow."""
        ...

    def disconnected(self, socket_id: str) -> None:
        """A client is gone."""
        ...

    async def event(self, socket_id: str, event: str, arguments: tuple[object, ...]) -> object:
        """A client sent an event; returns the acknowledgement."""
        ...

    def fell_behind(self, socket_id: str) -> None:
        """A client reads more slowly than it is written to."""
        ...

    def caught_up(self, socket_id: str) -> None:
        """A client has read what was waiting for it."""
        ...


class SocketServer:
    """Serves Socket.IO requests and tells `clients` of what happens."""

    def __init__(self, options: Options, clients: Clients) -> None:
        self._server = _Server(options, clients)

    async def handle(self, request: web.Request, address: str) -> web.StreamResponse:
        """Serve one HTTP request on the Socket.IO path, of the client at this address."""
        return await self._server.engine.handle(request, address)

    async def ask(
        self, socket_ids: Collection[str], send: Callable[[int], None], deadline: float
    ) -> Mapping[str, Sequence[object]]:
        """What clients acknowledge the event with that `send` sends under a number, within `deadline` seconds."""
        return await ask(self._server.manager, socket_ids, send, deadline)

    @property
    def transports(self) -> Mapping[str, int]:
        """Number of sessions by transport, those that have not connected to the namespace yet included."""
        return self._server.engine.transports

    async def shutdown(self) -> None:
        """End what is left."""
        await self._server.shutdown()


class _Server(SocketIO):
    """One namespace, whose rooms live in the domain."""

    def __init__(self, options: Options, clients: Clients) -> None:
        super().__init__(options)
        self._clients = clients
        self._farewells: set[asyncio.Task[None]] = set()
        self.on("connect", self._on_connect)
        self.on("disconnect", self._on_disconnect)
        self.on("*", self._on_event)

    def opened(self, session: Session) -> None:
        """A session begins."""
        super().opened(session)
        self._clients.opened(session.address)

    async def closed(self, session: Session, reason: str) -> None:
        """A session has ended."""
        await super().closed(session, reason)
        self._clients.closed(session.address, reason)
        if reason in (SLOW, TOO_FAST):
            logger.info("a client was cut off: %s", reason)

    def held(self, session: Session, slow: bool) -> None:
        """A client has fallen behind, or has caught up."""
        tell = self._clients.fell_behind if slow else self._clients.caught_up
        for client in self.manager.of_session(session):
            tell(client.sid)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Let something end in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)

    async def _on_connect(self, sid: str, session: Session, auth: object) -> dict[str, str]:
        try:
            return await self._clients.connect(sid, _Client(self, session, sid), auth)
        except NotNow as refusal:
            session.cut(BY_SERVER)
            raise ConnectionRefusedError(str(refusal)) from refusal
        except Refused as refusal:
            raise ConnectionRefusedError(str(refusal)) from refusal

    async def _on_disconnect(self, sid: str, reason: str) -> None:
        self._clients.disconnected(sid)

    async def _on_event(self, event: str, sid: str, *arguments: object) -> object:
        return await self._clients.event(sid, event, arguments)


class _Client:
    """The way to one client."""

    __slots__ = ("_server", "_session", "_sid")

    def __init__(self, server: _Server, session: Session, sid: str) -> None:
        self._server = server
        self._session = session
        self._sid = sid

    @property
    def transport(self) -> str:
        """Either "websocket" or "polling"."""
        return self._session.link.name

    @property
    def write(self) -> Write:
        """See Outlet."""
        return self._session.write

    def send(self, packet: Packet | Bundle, taken: int = 0) -> None:
        """Write one or several events, after whatever was written before."""
        self._session.send(packet, taken)

    def disconnect(self) -> None:
        """End the Socket.IO connection, and a little later the transport, should the client keep it."""
        self._server.spawn(self._server.disconnect(self._sid))
        asyncio.get_running_loop().call_later(FAREWELL, self._session.close)

    def close(self) -> None:
        """End the transport."""
        self._session.close()

    def cut_off(self) -> None:
        """End the transport at once."""
        self._session.cut(SLOW)
