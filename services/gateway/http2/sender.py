"""What streams send: answers, resets and the room for more of a request's body."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from services.gateway.http2.codec import Connection, ErrorCode, NGH2Error
from services.gateway.http2.engine import Engine
from services.gateway.http2.ready import Ready
from services.gateway.http2.request import Header
from services.gateway.http2.response import STATUSES
from services.gateway.http2.statistics import Event


class Sending(Protocol):
    """A stream, as far as it sends."""

    stream_id: int

    def on_drained(self) -> None:
        """What was sent has left the queue, or most of it."""


class ClientGone(OSError):
    """The client has reset the stream or closed the connection; nothing can be sent any more.

    libnghttp2 may know before the stream does: the event that says so is still to come.
    """


class Sender:
    """Hands what streams send to libnghttp2, and asks for it to be written at the end of the turn."""

    __slots__ = ("_bare_ends", "_codec", "_early", "_engine", "_flush_soon", "_full")

    def __init__(self, codec: Connection, engine: Engine, flush_soon: Callable[[], None]) -> None:
        self._codec = codec
        self._engine = engine
        self._flush_soon = flush_soon
        self._full: set[Sending] = set()  # whose applications wait for the client
        self._early: set[int] = set()  # streams that were answered before their request had ended
        self._bare_ends: set[int] = set()  # streams that end with an empty frame: without a window it is not sent

    def send_head(self, stream_id: int, headers: list[Header], *, ended: bool) -> None:
        """Begin an answer. Raises ClientGone."""
        try:
            self._codec.send_response(stream_id, headers + self._engine.common_headers, end_stream=ended)
        except NGH2Error as error:
            raise ClientGone(str(error)) from None
        self._flush_soon()

    def send_ready(self, stream_id: int, ready: Ready) -> None:
        """Send a whole answer, unless the client has gone."""
        head = [STATUSES[ready.status], *ready.headers, *self._engine.common_headers]
        try:
            self._codec.send_response(stream_id, head)
            self._codec.send_data(stream_id, ready.body, end_stream=True)
        except NGH2Error:
            return
        self._flush_soon()

    def inform(self, stream_id: int, headers: list[Header]) -> None:
        """Send an informational answer (1xx). Raises ClientGone."""
        try:
            self._codec.send_informational_response(stream_id, headers)
        except NGH2Error as error:
            raise ClientGone(str(error)) from None
        self._flush_soon()

    def send_data(self, stream_id: int, data: bytes, *, ended: bool) -> None:
        """Send a part of an answer's body. Raises ClientGone."""
        bare = ended and not data and not self._codec.queued_body_size(stream_id)
        try:
            self._codec.send_data(stream_id, data, end_stream=ended)
        except NGH2Error as error:
            raise ClientGone(str(error)) from None
        if bare:
            self._bare_ends.add(stream_id)
        self._flush_soon()

    def send_trailers(self, stream_id: int, headers: list[Header]) -> None:
        """End an answer with trailers. Raises ClientGone."""
        try:
            self._codec.send_trailers(stream_id, headers)
        except NGH2Error as error:
            raise ClientGone(str(error)) from None
        self._flush_soon()

    def answered_early(self, stream_id: int) -> None:
        """An answer is complete before its request is: the rest is not wanted."""
        self._engine.events[Event.EARLY_ANSWERS] += 1
        self._early.add(stream_id)

    def reset(self, stream_id: int, code: ErrorCode = ErrorCode.INTERNAL_ERROR) -> None:
        """End a stream with an error."""
        with suppress(NGH2Error):  # the connection has ended
            self._codec.reset_stream(stream_id, code)
            self._flush_soon()

    def acknowledge(self, stream_id: int, size: int) -> None:
        """So much of a request's body has been taken: the client may send as much again."""
        with suppress(NGH2Error):
            self._codec.acknowledge_received_data(size, stream_id)
            self._flush_soon()

    def is_full(self, stream: Sending) -> bool:
        """Whether more of an answer waits to be sent than is good; if so, the stream is told when it has gone."""
        if self._codec.queued_body_size(stream.stream_id) <= self._engine.limits.write_queue:
            return False
        self._full.add(stream)
        return True

    def queued(self, stream: Sending) -> int:
        """Bytes of an answer that wait to be sent."""
        return self._codec.queued_body_size(stream.stream_id)

    def is_stuck(self, stream: Sending) -> bool:
        """Whether an answer waits for the client to open the stream's window."""
        return self.queued(stream) > 0 >= self._codec.stream_remote_window_size(stream.stream_id)

    @property
    def is_blocked(self) -> bool:
        """Whether all answers wait for the client to open the connection's window."""
        return self._codec.queued_body_size() > 0 >= self._codec.remote_window_size

    def forget(self, stream_id: int, stream: Sending | None) -> None:
        """A stream has ended."""
        self._early.discard(stream_id)
        self._bare_ends.discard(stream_id)
        if stream is not None:
            self._full.discard(stream)

    def flushed(self) -> None:
        """What could be sent has been sent: let applications go on, and stop the requests that were answered early."""
        for stream in [stream for stream in self._full if not self.is_full(stream)]:
            self._full.discard(stream)
            stream.on_drained()
        # When an answer is out, the client may be told to stop (RFC 9113 section 8.1).
        if self._early and self._codec.remote_window_size > 0:
            for stream_id in [one for one in self._early if self._is_out(one)]:
                self._early.discard(stream_id)
                self.reset(stream_id, ErrorCode.NO_ERROR)

    def _is_out(self, stream_id: int) -> bool:
        if self._codec.queued_body_size(stream_id):
            return False
        return stream_id not in self._bare_ends or self._codec.stream_remote_window_size(stream_id) > 0
