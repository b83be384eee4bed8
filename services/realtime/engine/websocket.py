"""The WebSocket transport: one object for each connection, which the event loop calls directly.

After the handshake the connection is taken from aiohttp: its parser, its request, its task and their 15 KB are gone,
and a packet is read without waking a task. Nothing is compressed (deflate costs 64 KiB a connection and most of the
CPU, see socketio/socket.io issue 3477), and a write never waits.
"""

import asyncio
import base64
import binascii
import hashlib
import socket
from collections import deque
from collections.abc import Callable

from aiohttp import web

from services.realtime.domain.frames import BINARY, TEXT, frame
from services.realtime.engine import frames
from services.realtime.engine.frames import FrameError, FrameReader, close_frame
from services.realtime.engine.link import Receiver
from services.realtime.engine.packets import MESSAGE, Malformed, Received, Sendable, decode
from services.realtime.engine.wire import UNSENT, Wire

CLOSE_TIMEOUT = 2.0  # seconds a client may take to confirm the end
ENDS = 500  # of connections, in a turn of the event loop: some milliseconds of work

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


class WebSocket(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_closing", "_reader", "_siblings", "_transport", "_waits", "_wire", "receiver")

    name = "websocket"
    receiver: Receiver

    def __init__(self, transport: asyncio.Transport, max_message: int, siblings: "WebSockets") -> None:
        self._transport = transport
        self._wire: Wire | None = None
        self._waits = True  # whether the transport may hold back what must leave first; then the wire is shut
        self._siblings = siblings
        self._siblings.add(self)
        self._reader = FrameReader(max_message)
        self._closing = False

    @property
    def unsent(self) -> int:
        """Bytes that the client has left unread."""
        return self._transport.get_write_buffer_size()

    def adopt(self, wire: Wire) -> None:
        """Write by this wire from now on."""
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        self._wire = wire

    def send(self, packet: Sendable, taken: int = 0) -> None:
        """Write a packet, but for those bytes of its frame that the wire has taken already."""
        if not self._closing:
            self._write(packet.frame[taken:])

    def close(self, by_client: bool = False, code: int = frames.NORMAL_CLOSURE) -> None:
        """Say goodbye, and wait a little for the answer, so that the client reads everything before it."""
        if self._closing:
            return
        self._write(close_frame(code))
        self._end()
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self._transport.abort)

    def abort(self) -> None:
        """End at once; what was not sent is dropped."""
        self._end()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """The event loop has read something."""
        try:
            for opcode, payload in self._reader.feed(data):
                self._take(opcode, payload)
        except (FrameError, Malformed) as error:
            self.close(code=error.code if isinstance(error, FrameError) else frames.PROTOCOL_ERROR)
            self.receiver.lost()

    def eof_received(self) -> bool:
        """The client is gone."""
        self._siblings.later(self._transport.close)
        return True  # it is not closed yet

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._end()
        self._siblings.later(self._lost)

    def pause_writing(self) -> None:
        """The buffer is filling."""
        self.receiver.hold()

    def resume_writing(self) -> None:
        """The buffer is empty enough."""
        self.receiver.resume()

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.CLOSE:
            self._confirm_close()
        elif self._closing:
            return
        elif opcode == TEXT:
            self.receiver.received(decode(_text(payload)))
        elif opcode == BINARY:
            self.receiver.received(Received(MESSAGE, payload))
        elif self.receiver.allows() and opcode == frames.PING:
            self._write(frame(payload, frames.PONG))

    def _confirm_close(self) -> None:
        if not self._closing:
            self._write(close_frame(frames.NORMAL_CLOSURE))
            self._end()
        self._transport.close()

    def _write(self, data: bytes) -> None:
        """By the wire; what that does not take waits in the transport, and so does all that comes after it."""
        wire = self._wire
        if wire is not None and self._waits and not self._transport.get_write_buffer_size():
            self._waits = False
            wire.open(self._transport.get_extra_info("socket"))
        taken = 0 if wire is None or self._waits else wire.take(data)
        if taken < len(data):
            self._hold_back()
            self._transport.write(data[taken:])

    def _lost(self) -> None:
        self._siblings.discard(self)
        self.receiver.lost()

    def _hold_back(self) -> None:
        self._waits = True
        if self._wire is not None:
            self._wire.shut()

    def _end(self) -> None:
        """Nothing more is written; what waits still leaves."""
        self._closing = True
        self._hold_back()


class WebSockets:
    """All connections that have not ended. When many end at once, the loop has time for others in between."""

    def __init__(self) -> None:
        self._open: set[WebSocket] = set()
        self._ends: deque[Callable[[], None]] = deque()  # what is still to be done about them
        self._gone = asyncio.Event()

    def add(self, websocket: WebSocket) -> None:
        """A connection begins."""
        self._open.add(websocket)

    def discard(self, websocket: WebSocket) -> None:
        """A connection has ended."""
        self._open.discard(websocket)
        if not self._open:
            self._gone.set()

    def later(self, end: Callable[[], None]) -> None:
        """Do what an end takes when it is its turn."""
        self._ends.append(end)
        if len(self._ends) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        for _ in range(min(ENDS, len(self._ends))):
            self._ends.popleft()()
        if self._ends:
            asyncio.get_running_loop().call_soon(self._turn)

    async def gone(self) -> None:
        """Wait until none is left."""
        while self._open:
            self._gone.clear()
            await self._gone.wait()


class Detached(web.StreamResponse):
    """Tells aiohttp that there is nothing left to answer."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write nothing."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing."""


def is_handshake(request: web.Request) -> bool:
    """Whether the request asks for a WebSocket (RFC 6455, section 4.2.1)."""
    headers = request.headers
    connection = [option.strip().lower() for option in headers.get("Connection", "").split(",")]
    try:
        key = base64.b64decode(headers.get("Sec-WebSocket-Key", ""), validate=True)
    except binascii.Error:
        return False
    return (
        request.method == "GET"
        and "upgrade" in connection
        and headers.get("Upgrade", "").lower() == "websocket"
        and headers.get("Sec-WebSocket-Version") == "13"
        and len(key) == 16
    )


def accept(request: web.Request, max_message: int, hold_buffer: int, siblings: "WebSockets") -> tuple[WebSocket, bytes]:
    """Answer the handshake and take the connection over; returns what the client has sent early as well.

    Raises ConnectionResetError.
    """
    protocol, transport = request.protocol, request.transport
    if transport is None:
        raise ConnectionResetError
    digest = hashlib.sha1(request.headers["Sec-WebSocket-Key"].encode() + _GUID, usedforsecurity=False).digest()
    transport.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )
    websocket = WebSocket(transport, max_message, siblings)
    early = protocol._message_tail
    protocol.transport = None  # or aiohttp would close it
    transport.set_protocol(websocket)
    transport.set_write_buffer_limits(high=hold_buffer)
    protocol.connection_lost(None)
    return websocket, early


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise FrameError(frames.NOT_UTF8, "text is UTF-8") from None
