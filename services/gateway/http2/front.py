"""The first protocol of every connection: finds out what the client speaks and hands it over."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

from services.gateway.http1 import answer
from services.gateway.http1.connection import Http1Connection
from services.gateway.http1.head import Head
from services.gateway.http2.connection import Http2Connection
from services.gateway.http2.engine import Engine
from services.gateway.http2.handshake import check_handshake
from services.gateway.http2.meter import PREFACE
from services.gateway.http2.request import Refused
from services.gateway.http2.statistics import Event
from services.kit.addresses import network_of

Stock = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Door:
    """Where clients come in."""

    def __init__(self, engine: Engine, stock: Stock) -> None:
        self.engine = engine
        self.stock = stock
        self.undecided: set[Front] = set()
        self.closing = False
        self._empty = asyncio.Event()
        self._clients: Counter[str] = Counter()  # open connections of both protocols on all ports, by network

    def admit(self, client: str) -> bool:
        """Whether a client may have one more connection; if so, it is to be let out again."""
        most = self.engine.limits.connections_per_client
        if most and self._clients[client] >= most:
            self.engine.events[Event.REFUSED_CONNECTIONS] += 1
            return False
        self._clients[client] += 1
        return True

    def let_out(self, client: str) -> None:
        """A connection of this client has ended."""
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]

    async def close(self) -> None:
        """Let go those who have not said a word. What they were about to say is still heard for a moment."""
        self.closing = True
        for front in self.undecided:
            front.wait_for(self.engine.limits.goaway_delay)
        while self.undecided:
            self._empty.clear()
            await self._empty.wait()

    def decided(self, front: "Front") -> None:
        """It is known what a connection speaks, or it has ended."""
        self.undecided.discard(front)
        if not self.undecided:
            self._empty.set()


class Front(asyncio.Protocol):
    """A connection until its protocol is known: by ALPN on TLS, else by its first bytes."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._head = b""
        self._admitted = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand over at once what TLS has negotiated."""
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self._client = network_of(name[0]) if isinstance(name, tuple) else ""
        self._admitted = self._door.admit(self._client)
        if not self._admitted:
            self._transport.abort()
            return
        self._door.undecided.add(self)
        self.wait_for(self._patience())
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self._speak_http2()

    def data_received(self, data: bytes) -> None:
        """Compare with the preface of HTTP/2, which is no request of HTTP/1.1."""
        begins = not self._head
        self._head += data
        if not PREFACE.startswith(self._head[: len(PREFACE)]):
            self._speak_http1()
        elif len(self._head) >= len(PREFACE):
            self._speak_http2()
        elif begins:  # from now on it is a head that has to come to its end
            self.wait_for(self._patience())

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left before it said what it wanted."""
        if self._admitted:
            self._settle()
            self._door.let_out(self._client)

    def wait_for(self, seconds: float) -> None:
        """Close the connection if nothing is said in this time."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._door.engine.loop.call_later(seconds, self._transport.close)

    def _patience(self) -> float:
        limits = self._door.engine.limits
        if self._door.closing:
            return limits.goaway_delay
        silent = limits.idle_timeout or limits.header_timeout
        return (limits.header_timeout if self._head else silent) or 1e6

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._door.decided(self)

    def _speak_http2(self) -> None:
        self._settle()
        connection = Http2Connection(self._door.engine, partial(self._door.let_out, self._client))
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        if self._head:
            connection.data_received(self._head)

    def _speak_http1(self) -> None:
        self._settle()
        connection = Http1Connection(self._door.engine, partial(self._door.let_out, self._client), self._hand_over)
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        connection.data_received(self._head)

    def _hand_over(self, transport: asyncio.Transport, data: bytes) -> None:
        """Leave a WebSocket to Hypercorn, with what has arrived of it."""
        engine = self._door.engine
        head = Head(data[: data.index(b"\r\n\r\n") + 4], engine.limits)
        try:
            check_handshake(head.headers)
        except Refused as refused:
            engine.events[Event.REFUSED_REQUESTS] += 1
            transport.write(answer.refusal(refused.status, refused.detail, engine.common_headers))
            transport.close()
        else:
            # Hypercorn would take an absolute target (RFC 9112 section 3.2.2) for a path.
            target = head.raw_path + (b"?" + head.query if head.query else b"")
            self._leave_to_hypercorn(transport, b"GET " + target + data[data.index(b" HTTP/") :])

    def _leave_to_hypercorn(self, transport: asyncio.Transport, data: bytes) -> None:
        protocol = WebSocketFront(self._door, self._client, transport)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)


class WebSocketFront(asyncio.StreamReaderProtocol):
    """A connection that Hypercorn serves. Its client is let out when the connection ends."""

    def __init__(self, door: Door, client: str, transport: asyncio.Transport) -> None:
        super().__init__(asyncio.StreamReader(loop=door.engine.loop), door.stock, loop=door.engine.loop)
        self._engine = door.engine
        self._let_out = partial(door.let_out, client)
        self._abort = transport.abort
        self._stalled: asyncio.TimerHandle | None = None

    def eof_received(self) -> bool:
        """Close: a WebSocket has no half that could stay open."""
        super().eof_received()
        return False

    def pause_writing(self) -> None:
        """Let the application wait, for as long as a client may be behind."""
        super().pause_writing()
        if self._engine.limits.stall_timeout:
            self._stalled = self._engine.loop.call_later(self._engine.limits.stall_timeout, self._give_up)

    def resume_writing(self) -> None:
        """Let it go on."""
        super().resume_writing()
        self._forgive()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        super().connection_lost(exc)
        self._forgive()
        self._let_out()

    def _give_up(self) -> None:
        self._engine.events[Event.STALLED_ANSWERS] += 1
        self._abort()

    def _forgive(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
