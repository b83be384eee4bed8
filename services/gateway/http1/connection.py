"""A connection that speaks HTTP/1.1: its requests one after the other, and what becomes of slow clients."""

import asyncio
from collections.abc import Callable
from typing import cast

from services.gateway.http1 import answer
from services.gateway.http1.exchange import Exchange
from services.gateway.http1.head import Head
from services.gateway.http1.heads import Heads
from services.gateway.http2.engine import Engine, address
from services.gateway.http2.patience import Patience
from services.gateway.http2.request import Refused
from services.gateway.http2.sender import ClientGone
from services.gateway.http2.statistics import Event

READ_AHEAD = 64 * 1024  # bytes that wait for the application, or for their turn
LINGER_SECONDS = 2.0
_REQUEST = Event.HTTP1_REQUESTS  # asking the Enum each time costs as much as counting


class Http1Connection(asyncio.Protocol):
    """The server's end of a connection.

    engine: what all connections share.
    on_lost: called when the connection has ended.
    hand_over: takes the transport, and what has arrived, of a connection that asks for WebSocket.
    """

    def __init__(
        self, engine: Engine, on_lost: Callable[[], None], hand_over: Callable[[asyncio.Transport, bytes], None]
    ) -> None:
        self.engine = engine
        self._on_lost = on_lost
        self._hand_over = hand_over
        self.lost = False
        self.paused = False  # the transport is behind
        self._writable: asyncio.Event | None = None
        self._buffer = bytearray()
        self._heads = Heads(engine.limits)
        self._exchange: Exchange | None = None
        self._reading = True
        self._ended = False  # the client sends no more
        self._closing = False  # after the answer at hand
        self._over = False  # nothing is read any more
        self._advancing = False
        self._since = engine.loop.time()  # it is idle, or waits for the rest of a head
        self._written = 0
        self._stall = Patience()

    @property
    def open_streams(self) -> int:
        """Requests that are being answered."""
        return int(self._exchange is not None)

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of who is there."""
        self.transport = cast("asyncio.Transport", transport)
        self.client = address(transport.get_extra_info("peername"))
        self.client_host = self.client and self.client[0]
        self.server = address(transport.get_extra_info("sockname"))
        self.scheme = "https" if transport.get_extra_info("ssl_object") is not None else "http"
        self.engine.joined(self, Event.HTTP1_CONNECTIONS)

    def data_received(self, data: bytes) -> None:
        """Go on with what has arrived."""
        if self._over:
            return
        if not self._buffer and self._exchange is None:
            self._since = self.engine.loop.time()
        self._buffer += data
        self._advance()

    def eof_received(self) -> bool:
        """The client sends no more; all that it has asked for is still answered. TLS has no half (asyncio's)."""
        if self._over or self.scheme == "https":
            return False
        self._ended = True
        if self._exchange is not None:
            self._exchange.on_gone()
        self._advance()
        return True

    def pause_writing(self) -> None:
        """Let the application wait."""
        self.paused = True

    def resume_writing(self) -> None:
        """Let it go on, and what was sent ahead."""
        self.paused = False
        if self._writable is not None:
            self._writable.set()
        if self._exchange is None and self._buffer:
            self._since = self.engine.loop.time()
            self._advance_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application."""
        self.lost = self._over = True
        self.engine.left(self)
        self.resume_writing()
        if self._exchange is not None:
            self._exchange.on_gone()
        self._on_lost()

    # Requests

    def _advance(self) -> None:
        """Understand what is there, as far as its turn has come."""
        self._advancing = False
        try:
            if self._exchange is not None:
                self._read_body(self._exchange)
            elif self._buffer and not (self._over or self.paused):  # who reads no answer gets no other
                self._read_head()
        except Refused as refused:
            self._refuse(refused)
        self._pace()
        if self._ended and self._waits_in_vain():
            self.transport.close()

    def _waits_in_vain(self) -> bool:
        """Whether it cannot go on without more from the client."""
        if self._exchange is not None:
            return not self._exchange.body.ended
        return not (self._advancing or (self.paused and self._buffer))

    def _read_head(self) -> None:
        head = self._heads.take(self._buffer)
        if head is None:
            return
        if head.websocket:
            self._leave_to_websocket(head)
        else:
            self._begin(head)

    def _begin(self, head: Head) -> None:
        self.engine.events[_REQUEST] += 1
        exchange = self._exchange = Exchange(self, head)
        if head.has_body:
            self._read_body(exchange)
        if self._ended:
            exchange.on_gone()
        self.engine.turns.join(self)

    def begin_next(self) -> bool:
        """It is the turn of the request at hand, if it has not been refused meanwhile. There is never another."""
        if self._exchange is not None and not self.lost:
            self._exchange.begin()
        return False

    def _read_body(self, exchange: Exchange) -> None:
        if self._buffer and not exchange.body.ended:
            data = exchange.body.take(self._buffer)
            if data or exchange.body.ended:
                exchange.on_data(data)

    def _pace(self) -> None:
        """Read as much ahead as is kept, and no more."""
        free = self._exchange is None and not self.paused
        waiting = len(self._buffer) + (self._exchange.unread if self._exchange is not None else 0)
        reading = self._over or free or waiting < READ_AHEAD
        if reading != self._reading and not (self._ended or self.transport.is_closing()):
            self._reading = reading
            (self.transport.resume_reading if reading else self.transport.pause_reading)()

    def _leave_to_websocket(self, head: Head) -> None:
        self._over = True
        if not self._ended:
            self.engine.left(self)
            self._hand_over(self.transport, head.data + self._buffer)

    # What the exchange calls

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport."""
        if data:
            self._written += len(data)
            self.transport.write(data)

    async def writable(self) -> None:
        """Wait while the client is behind. Raises ClientGone."""
        while self.paused and not self.lost:
            if self._writable is None:
                self._writable = asyncio.Event()
            self._writable.clear()
            await self._writable.wait()
        if self.lost:
            raise ClientGone("the client is gone")

    def body_taken(self) -> None:
        """The application has taken some of the body."""
        if not self._reading:
            self._pace()

    def closes_after(self, exchange: Exchange) -> None:
        """Decide whether the connection goes on after an answer that begins now."""
        last = self._ended and not self._buffer
        if self._closing or last or not exchange.body.ended:  # what is left of an unwanted body is not waited for
            exchange.keep_alive = False

    def on_answered(self, exchange: Exchange) -> None:
        """An answer is complete."""
        self._exchange = None
        self._since = self.engine.loop.time()
        if not exchange.keep_alive:
            self._linger(more=not exchange.body.ended)
            return
        if self._closing:  # the answer had begun before, and could not say so
            self._close_soon()
        if self._buffer or self._ended or not self._reading:
            self._advance_soon()

    def _advance_soon(self) -> None:
        if not self._advancing:
            self._advancing = True
            self.engine.loop.call_soon(self._advance)

    # Time and the end

    def check(self, now: float) -> None:
        """Look at the time; the engine calls this once a second."""
        self._check_writing(now)
        if self.lost or self.transport.is_closing():
            return
        limits, exchange = self.engine.limits, self._exchange
        if exchange is not None:
            self._check_body(exchange, now)
        elif self._over or self.paused:
            return
        elif self._buffer and limits.header_timeout and now - self._since >= limits.header_timeout:
            self.engine.events[Event.HEADER_TIMEOUTS] += 1
            self._refuse(Refused(408, "the header did not arrive in time"))
        elif not self._buffer and limits.idle_timeout and now - self._since >= limits.idle_timeout:
            self.transport.close()

    def _check_body(self, exchange: Exchange, now: float) -> None:
        limits = self.engine.limits
        if exchange.body_patience is None:
            exchange.body_patience = Patience()
        least = int(limits.body_timeout * limits.minimum_rate)
        if exchange.body_patience.lost(now, limits.body_timeout, least, exchange.received, its_turn=exchange.owes_body):
            self.engine.events[Event.SLOW_BODIES] += 1
            self.abort()

    def _check_writing(self, now: float) -> None:
        limits = self.engine.limits
        buffered = self.transport.get_write_buffer_size()
        least = int(limits.stall_timeout * limits.minimum_rate)
        if self._stall.lost(now, limits.stall_timeout, least, self._written - buffered, its_turn=buffered > 0):
            self.engine.events[Event.STALLED_ANSWERS] += 1
            self.transport.abort()

    def drain(self) -> None:
        """End after the answer at hand. A request that is on its way meanwhile is still answered."""
        self._closing = True
        if self._exchange is None:
            self._close_soon()

    def abort(self) -> None:
        """End without a word, and stop the application."""
        if self._exchange is not None:
            self._exchange.cancel()
        self.transport.abort()

    def _close_soon(self) -> None:
        self.engine.loop.call_later(self.engine.limits.goaway_delay, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self._exchange is None:
            self.transport.close()

    def _refuse(self, refused: Refused) -> None:
        """Answer for the application, and end: nobody knows where the next request would begin."""
        self.engine.events[Event.REFUSED_REQUESTS] += 1
        exchange = self._exchange
        if exchange is None:
            self.write(answer.refusal(refused.status, refused.detail, self.engine.common_headers))
            self._linger()
        else:
            self._over = True
            exchange.refuse(refused)

    def _linger(self, *, more: bool = True) -> None:
        """Take nothing more, and stay a moment if more may come: it would erase the answer if it met a closed socket.

        TLS cannot close one direction (asyncio's), so there it is the answer's length that tells that nothing follows.
        """
        self._over = True
        self._buffer.clear()
        self._pace()
        if self._ended:
            self.transport.close()
        elif self.transport.can_write_eof():
            self.transport.write_eof()
            self.engine.loop.call_later(LINGER_SECONDS, self._stop_lingering)
        elif more:
            self.engine.loop.call_later(LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()

    def _stop_lingering(self) -> None:
        """What is still on its way to the client would be thrown away; `check` ends those that do not read it."""
        if self.transport.get_write_buffer_size():
            self.engine.loop.call_later(LINGER_SECONDS, self._stop_lingering)
        else:
            self.transport.abort()
