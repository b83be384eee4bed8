"""One client's WebSocket: a bounded queue of outgoing frames and the task that writes them."""

import asyncio
import time
from collections import deque
from typing import Protocol

from aiohttp import WSMsgType, web

from simulator.faults import Fault
from simulator.hub import Hub

QUEUE_LIMIT = 2_000  # frames waiting for one slow reader; beyond it the oldest are dropped
CLOSE_TIMEOUT = 1.0  # seconds to wait for the client's half of a closing handshake


class Conversation(Protocol):
    """What a venue does with the sockets opened to it."""

    def opened(self, session: "Session") -> None:
        """A client connected."""
        ...

    def received(self, session: "Session", text: str) -> None:
        """A client sent a text message."""
        ...


class Session:
    """A connection as its venue sees it."""

    def __init__(self, socket: web.WebSocketResponse, hub: Hub) -> None:
        self._socket = socket
        self._hub = hub
        self._queue: deque[tuple[float, bytes]] = deque()
        self._wake = asyncio.Event()
        self.keys: set[str] = set()  # what it listens to
        self.opened_at = self.last_sent_at = self.last_ping_at = self.last_pong_at = time.monotonic()
        self.dropped = 0
        self.path = ""  # address and query it was opened with
        self.combined = False  # Binance: wrap frames with the name of their stream

    def send(self, payload: bytes) -> None:
        """Queue a frame; when the reader is too slow the oldest waiting frame gives way."""
        if len(self._queue) >= QUEUE_LIMIT:
            self._queue.popleft()
            self.dropped += 1
            self._hub.frames_dropped += 1
        delay = self._hub.faults.delay_seconds
        self._queue.append((time.monotonic() + delay if delay else 0.0, payload))
        self._wake.set()

    async def write(self) -> None:
        """Write queued frames until the connection ends. A stalled venue lets them vanish."""
        try:
            while True:
                while self._queue:
                    await self._write_one(*self._queue.popleft())
                self._wake.clear()
                await self._wake.wait()
        except ConnectionError:
            return  # the reading side notices too and ends the session

    async def _write_one(self, due: float, payload: bytes) -> None:
        if due:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        if self._hub.faults.has(Fault.STALL):
            return
        await self._socket.send_frame(payload, WSMsgType.TEXT)
        self.last_sent_at = time.monotonic()
        self._hub.frames_sent += 1

    async def ping(self) -> None:
        """Send a ping with the time as its payload, unless the venue is stalled."""
        self.last_ping_at = time.monotonic()
        if not self._hub.faults.has(Fault.STALL) and not self._socket.closed:
            await self._socket.ping(str(time.time_ns() // 1_000_000).encode())

    async def pong(self, payload: bytes) -> None:
        """Answer a client's ping, unless the venue is stalled."""
        if not self._hub.faults.has(Fault.STALL):
            await self._socket.pong(payload)

    async def close(self, code: int = 1001, reason: str = "") -> None:
        """Close the socket."""
        await self._socket.close(code=code, message=reason.encode())


async def serve_socket(
    request: web.Request, hub: Hub, conversation: Conversation, headers: dict[str, str]
) -> web.WebSocketResponse:
    """Hold one WebSocket connection from handshake to close."""
    socket = web.WebSocketResponse(compress=False, autoping=False, timeout=CLOSE_TIMEOUT)
    socket.headers.update(headers)
    await socket.prepare(request)
    session = Session(socket, hub)
    session.path = request.path_qs
    hub.sessions.add(session)
    writer = asyncio.create_task(session.write())
    try:
        conversation.opened(session)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                conversation.received(session, message.data)
            elif message.type is WSMsgType.PING:
                await session.pong(message.data)
            elif message.type is WSMsgType.PONG:
                session.last_pong_at = time.monotonic()
    finally:
        hub.leave(session)
        writer.cancel()
    return socket
