"""What becomes of a client that takes its time."""

from typing import TYPE_CHECKING

from services.gateway.http2.codec import ErrorCode
from services.gateway.http2.patience import Patience
from services.gateway.http2.statistics import Event

if TYPE_CHECKING:
    from services.gateway.http2.connection import AnyStream, Http2Connection


class Supervision:
    """Looks at one connection once a second. Nothing is kept for streams that end before they are looked at twice."""

    __slots__ = ("_connection", "_reading", "_since")

    def __init__(self, connection: "Http2Connection") -> None:
        self._connection = connection
        self._since = connection.idle_since
        self._reading = Patience()

    def check(self, now: float) -> None:
        """End the connection, or streams of it, when a time-out has passed."""
        connection, limits = self._connection, self._connection.engine.limits
        if self._stalled(now):
            connection.engine.events[Event.STALLED_ANSWERS] += 1
            connection.abort()
        elif connection.over:
            return
        elif self._header_is_late(now):
            connection.abandon(Event.HEADER_TIMEOUTS)
        elif not connection.streams and limits.idle_timeout and now - connection.idle_since >= limits.idle_timeout:
            connection.drain()
        else:
            for stream in list(connection.streams.values()):
                self._check_stream(stream, now)

    def _header_is_late(self, now: float) -> bool:
        begun = self._since if not self._connection.greeted else self._connection.meter.block_since
        timeout = self._connection.engine.limits.header_timeout
        return begun is not None and timeout > 0 and now - begun >= timeout

    def _stalled(self, now: float) -> bool:
        """Whether the client reads nothing at all, or lets nothing be sent."""
        connection, limits = self._connection, self._connection.engine.limits
        buffered = connection.transport.get_write_buffer_size()
        least = int(limits.stall_timeout * limits.minimum_rate)
        moved = connection.written - buffered
        its_turn = buffered > 0 or (not connection.over and connection.sender.is_blocked)
        return self._reading.lost(now, limits.stall_timeout, least, moved, its_turn=its_turn)

    def _check_stream(self, stream: "AnyStream", now: float) -> None:
        limits = self._connection.engine.limits
        if stream.body_patience is None:
            stream.body_patience, stream.stall_patience = Patience(), Patience()
        least = int(limits.body_timeout * limits.minimum_rate)
        if stream.body_patience.lost(now, limits.body_timeout, least, stream.received, its_turn=stream.owes_body):
            self._give_up(stream, Event.SLOW_BODIES)
            return
        least = int(limits.stall_timeout * limits.minimum_rate)
        queued = self._connection.sender.queued(stream)
        stuck = self._connection.sender.is_stuck(stream) or (stream.answered and not queued)
        assert stream.stall_patience is not None
        if stream.stall_patience.lost(now, limits.stall_timeout, least, stream.sent - queued, its_turn=stuck):
            self._give_up(stream, Event.STALLED_ANSWERS)

    def _give_up(self, stream: "AnyStream", event: Event) -> None:
        self._connection.engine.events[event] += 1
        self._connection.sender.reset(stream.stream_id, ErrorCode.CANCEL)
