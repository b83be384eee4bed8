"""python-socketio on our Engine.IO: the only module, with its manager, that knows the library's inside.

The library keeps its API: handlers for events and namespaces, rooms, acknowledgements, binary attachments. Beneath it
are our own sessions and transports; CONNECT, malformed packets and the limit of time for CONNECT are treated here as
the reference implementation does (socketio/socket.io, docs/socket.io-protocol/v5-current.md).
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import socketio
from socketio.packet import CONNECT, CONNECT_ERROR, Packet

from services.realtime.domain.packets import RESERVED_EVENTS
from services.realtime.engine.http import Engine
from services.realtime.engine.session import TRANSPORT_ERROR, Options, Session
from services.realtime.engine.wheel import TimerWheel
from services.realtime.socketio_manager import Client, Manager, encoded, send

logger = logging.getLogger(__name__)

# The library logs every packet at INFO, tokens included.
library_logger = logging.getLogger(f"{__name__}.library")
library_logger.setLevel(logging.WARNING)

CONNECT_TIMEOUT = 20.0  # seconds a session may stay without a namespace
MAX_ATTACHMENTS = 10  # of one packet


class Bridge:
    """What the library takes for its Engine.IO server."""

    async_mode = "aiohttp"

    def __init__(self, **options: object) -> None:
        """The library's options are for its own server."""

    def on(self, event: str, handler: Callable[..., Any]) -> None:
        """The engine calls SocketIO itself."""


class SocketIO(socketio.AsyncServer):
    """The library's server. A handler of `connect` gets (sid, session, auth); what it returns is added to CONNECT."""

    manager: Manager

    def __init__(self, options: Options, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        # One event of a client at a time, in the order in which it sent them.
        super().__init__(
            client_manager=Manager(), logger=library_logger, engineio_logger=library_logger, async_handlers=False
        )
        self.engine = Engine(options, self)
        self._connect_timeout = connect_timeout
        self._deadlines: TimerWheel[Session] = TimerWheel(connect_timeout / 20, self._expect_namespace)
        self._loop = asyncio.get_running_loop()

    async def shutdown(self) -> None:
        """End all sessions."""
        await self.engine.shutdown()
        self._deadlines.stop()

    def opened(self, session: Session) -> None:
        """A session begins."""
        self._deadlines.add(session, self._loop.time() + self._connect_timeout)

    async def message(self, session: Session, data: str | bytes) -> None:
        """Something has come; what is malformed ends the session."""
        try:
            await self._take(session.id, data)
        except Exception as error:
            logger.info("malformed packet from a client: %s", type(error).__name__)
            session.close(TRANSPORT_ERROR)

    async def closed(self, session: Session, reason: str) -> None:
        """A session has ended."""
        for client in self.manager.of_session(session):
            await self._handle_disconnect(session.id, client.namespace, reason)
        self._binary_packet.pop(session.id, None)

    def held(self, session: Session, slow: bool) -> None:
        """A client reads slowly; the library does not care."""

    def _engineio_server_class(self) -> type[Bridge]:
        return Bridge

    async def _take(self, sid: str, data: str | bytes) -> None:
        if (sid in self._binary_packet) is isinstance(data, str):
            raise ValueError("an attachment is missing or was not announced")
        await self._handle_eio_message(sid, data)
        announced = self._binary_packet.get(sid)
        if announced is not None and announced.attachment_count > MAX_ATTACHMENTS:
            raise ValueError("too many attachments")

    async def _send_packet(self, eio_sid: str, pkt: Packet) -> None:
        session = self.engine.sessions.get(eio_sid)
        if session is not None:
            send(session, encoded(pkt))

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: object) -> None:
        namespace, session = namespace or "/", self.engine.sessions.get(eio_sid)
        if session is None:
            return
        if namespace not in self.handlers:
            refusal = Packet(CONNECT_ERROR, namespace=namespace, data={"message": "Invalid namespace"})
            send(session, encoded(refusal))
            return
        client = self.manager.begin(session, namespace)
        if client is None:
            raise ValueError("connected already")
        await self._admit(client, data)

    async def _admit(self, client: Client, auth: object) -> None:
        try:
            extra = await self._trigger_event("connect", client.namespace, client.sid, client.session, auth)
        except socketio.exceptions.ConnectionRefusedError as refusal:
            self.manager.forget(client)
            error = Packet(CONNECT_ERROR, namespace=client.namespace, data=refusal.error_args)
            send(client.session, encoded(error))
            return
        self.manager.admit(client)
        accepted = Packet(CONNECT, namespace=client.namespace, data={"sid": client.sid, **(extra or {})})
        send(client.session, encoded(accepted))

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:
        if not isinstance(data[0], str) or data[0] in RESERVED_EVENTS:
            raise ValueError("a client may not send this event")
        await super()._handle_event(eio_sid, namespace, id, data)

    def _expect_namespace(self, session: Session, now: float) -> None:
        if not session.closed and not self.manager.of_session(session):
            session.close()
