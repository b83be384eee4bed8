"""One HTTP/2 connection: bytes in, events to streams, and one write per turn of the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from services.gateway.http2 import codec
from services.gateway.http2.buckets import TokenBucket
from services.gateway.http2.codec import ErrorCode, NGH2Error
from services.gateway.http2.ending import Ending
from services.gateway.http2.engine import Engine, address
from services.gateway.http2.meter import FrameMeter
from services.gateway.http2.request import CONNECT, Refused, Request
from services.gateway.http2.sender import Sender
from services.gateway.http2.statistics import Event
from services.gateway.http2.stream import Stream
from services.gateway.http2.supervision import Supervision
from services.gateway.http2.websocket import WebSocketStream

READ_SLICE = 16 * 1024  # bytes parsed at once; streams above the limit are refused in between
WRITE_SLICE = 256 * 1024  # bytes serialised at once
LINGER_SECONDS = 0.5  # for the client to read why the connection ends
MOST_FORGIVEN = 1000  # streams
_REQUEST = Event.REQUESTS  # asking the Enum each time costs as much as counting

AnyStream = Stream | WebSocketStream


class Http2Connection(asyncio.Protocol):
    """The server's end of a connection."""

    def __init__(self, engine: Engine, on_lost: Callable[[], None]) -> None:
        now = engine.loop.time()
        self.engine = engine
        self._on_lost = on_lost
        self.streams: dict[int, AnyStream] = {}
        self.greeted = False  # the client's first frame has arrived
        self.paused = False  # the transport is behind
        self.written = 0  # bytes handed to the transport
        self.idle_since = now
        self.codec, self._first = codec.open_connection(engine.limits)
        self._resets = TokenBucket(*engine.limits.resets, now)
        self.meter = FrameMeter(engine.limits, self._resets, now)
        self.sender = Sender(self.codec, engine, self.flush_soon)
        self._supervision = Supervision(self)
        self._ending = Ending(self)
        self._held = b""  # what has arrived of a frame that is parsed when it is complete
        self._backlog: deque[AnyStream] = deque()
        self._forgiven: dict[int, None] = {}  # streams that we have ended; what was on its way may still arrive
        self._last_stream = 0
        self._cancelled = 0  # the stream that the client has just reset
        self._queued = False  # for the turn in which requests begin
        self._flushing = False  # in the next turn
        self._refused = False  # streams, whose resets are still to be sent
        self.over = False  # nothing is read any more

    @property
    def open_streams(self) -> int:
        """Requests that are being answered."""
        return len(self.streams)

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        self.transport = cast("asyncio.Transport", transport)
        self.client = address(transport.get_extra_info("peername"))
        self.client_host = self.client and self.client[0]
        self.server = address(transport.get_extra_info("sockname"))
        self.scheme = "https" if transport.get_extra_info("ssl_object") is not None else "http"
        self.engine.joined(self, Event.CONNECTIONS)
        self._write(self._first)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived and begin what it asks for."""
        if self.over:
            return
        if self._held:
            data = self._held + data
        fault = self.meter.read(data, self.engine.loop.time(), self.streams, self._forgiven)
        if fault is not None:
            self.abandon(*fault)
            return
        whole, self._held = self.meter.whole, data[self.meter.whole :]
        try:
            for start in range(0, whole, READ_SLICE):
                self.codec.receive_data(data[start : min(start + READ_SLICE, whole)])
                self._handle_events()
                if self._refused or self.over:
                    self._flush()  # what is refused makes room for what comes next
        except codec.DenialOfServiceError:
            self.abandon(Event.HEADER_FLOODS)
        except NGH2Error:
            self.abandon(Event.PROTOCOL_ERRORS, ErrorCode.PROTOCOL_ERROR)
        if self._backlog and not self._queued:
            self._queued = True
            self.engine.turns.join(self)
        self.flush_soon()

    def pause_writing(self) -> None:
        """Keep what is to be sent until the client has read some."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self.paused = False
        self.flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the applications."""
        self.over = True
        self.engine.left(self)
        self._on_lost()
        while self.streams:
            self.streams.popitem()[1].on_closed()

    # What libnghttp2 has understood

    def _handle_events(self) -> None:
        for event in self.codec.events():
            handler = _HANDLERS.get(event.__class__)
            if handler is not None and not self.over:
                handler(self, event)

    def _on_request(self, event: codec.RequestReceived) -> None:
        stream_id = self._last_stream = event.stream_id
        self.engine.events[_REQUEST] += 1
        if len(self.streams) >= self.engine.limits.streams:
            self.engine.events[Event.REFUSED_STREAMS] += 1
            self._refused = True
            self._forgive(stream_id)
            self.codec.reset_stream(stream_id, ErrorCode.REFUSED_STREAM)
            return
        stream = self.streams[stream_id] = self._stream(event)
        self._backlog.append(stream)

    def _stream(self, event: codec.RequestReceived) -> AnyStream:
        if CONNECT in event.headers:
            with suppress(Refused):  # which a stream says to the client
                return WebSocketStream(self, event.stream_id, Request(event.headers, self.engine.limits))
        return Stream(self, event.stream_id, event.headers, event.end_stream)

    def _on_data(self, event: codec.DataReceived) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            stream.on_data(event.data, event.end_stream)
        else:
            self.sender.acknowledge(event.stream_id, len(event.data))

    def _on_trailers(self, event: codec.TrailersReceived) -> None:
        """ASGI has no trailers of requests: they are the end of the body."""
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            stream.on_data(b"", ended=True)

    def _on_reset(self, event: codec.StreamReset) -> None:
        self._cancelled = event.stream_id
        self.engine.events[Event.CANCELLED] += 1

    def _on_closed(self, event: codec.StreamClosed) -> None:
        stream = self.streams.pop(event.stream_id, None)
        self.sender.forget(event.stream_id, stream)
        if stream is not None:
            stream.on_closed()
            if not self.streams:
                self.idle_since = self.engine.loop.time()
                self._ending.streams_ended()
        if event.stream_id != self._cancelled and (event.error_code or stream is None or not stream.ended):
            self._forgive(event.stream_id)
            if event.error_code:
                self._count_reset()

    def _forgive(self, stream_id: int) -> None:
        self._forgiven[stream_id] = None
        if len(self._forgiven) > MOST_FORGIVEN:
            del self._forgiven[next(iter(self._forgiven))]

    def _count_reset(self) -> None:
        """Resets that we send count like those that we receive: a client can provoke them (CVE-2025-8671)."""
        self.engine.events[Event.RESETS_SENT] += 1
        if not self._resets.take(1, self.engine.loop.time()):
            self.abandon(Event.RESET_FLOODS)

    def _on_settings(self, event: codec.SettingsReceived) -> None:
        self.greeted = True

    def _on_ping_answered(self, event: codec.PingAcknowledged) -> None:
        self._ending.ping_answered(event.opaque_data)

    def _on_over(self, event: codec.ConnectionClosed) -> None:
        """Everything that was promised is in the transport's hands."""
        if event.error_code:
            self.engine.events[Event.PROTOCOL_ERRORS] += 1
            self._linger()
        else:
            self.over = True
            self.transport.close()

    # Turns of the event loop

    def begin_next(self) -> bool:
        """Begin the request that has waited longest. Returns whether there are more."""
        if self._backlog:
            self._backlog.popleft().begin()
        self._queued = bool(self._backlog)
        return self._queued

    def flush_soon(self) -> None:
        """Send what there is when the handlers of this turn have run."""
        if not self._flushing:
            self._flushing = True
            self.engine.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = self._refused = False
        if self.paused or self.over:
            return
        try:
            data = self.codec.data_to_send(WRITE_SLICE)
            self._write(data)
            self._handle_events()
        except NGH2Error:
            self.abandon(Event.PROTOCOL_ERRORS, ErrorCode.INTERNAL_ERROR)
            return
        if len(data) >= WRITE_SLICE:
            self.flush_soon()
        elif not self.over:
            self.sender.flushed()

    def _write(self, data: bytes) -> None:
        if data:
            self.written += len(data)
            self.meter.sent(len(data))
            self.transport.write(data)

    # The end

    def check(self, now: float) -> None:
        """Look at the time; the engine calls this once a second."""
        self._supervision.check(now)

    def drain(self) -> None:
        """End when the streams have."""
        self._ending.begin()

    def abandon(self, event: Event, code: ErrorCode = ErrorCode.ENHANCE_YOUR_CALM) -> None:
        """End at once, with a reason for the client and a count for us."""
        if not self.over:
            self.engine.events[event] += 1
            self.transport.write(self._farewell(code))
            self._linger()

    def abort(self) -> None:
        """End without a word, and stop the applications."""
        for stream in list(self.streams.values()):
            stream.cancel()
        self.transport.abort()

    def _farewell(self, code: ErrorCode) -> bytes:
        try:
            self.codec.terminate_connection(code)
            return self.codec.data_to_send()
        except NGH2Error:  # it has given up on this connection
            return codec.goaway(self._last_stream, code)

    def _linger(self) -> None:
        """Take nothing more, and stay a moment: data that meets a closed socket would erase the reason on its way."""
        self.over = True
        self._backlog.clear()
        while self.streams:
            self.streams.popitem()[1].on_closed()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.engine.loop.call_later(LINGER_SECONDS, self.transport.abort)


_HANDLERS: dict[type, Callable[[Http2Connection, Any], None]] = {
    codec.RequestReceived: Http2Connection._on_request,
    codec.DataReceived: Http2Connection._on_data,
    codec.TrailersReceived: Http2Connection._on_trailers,
    codec.StreamReset: Http2Connection._on_reset,
    codec.StreamClosed: Http2Connection._on_closed,
    codec.SettingsReceived: Http2Connection._on_settings,
    codec.PingAcknowledged: Http2Connection._on_ping_answered,
    codec.ConnectionClosed: Http2Connection._on_over,
}
