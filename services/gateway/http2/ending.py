"""How a connection ends in peace."""

from contextlib import suppress
from typing import TYPE_CHECKING

from services.gateway.http2.codec import NGH2Error

if TYPE_CHECKING:
    from services.gateway.http2.connection import Http2Connection

PING = b"draining"
ROUND_TRIP_SECONDS = 1.0  # is waited for at most, when a client does not answer the ping


class Ending:
    """First the client is told to open no more streams, then which ones were taken; the connection ends with the last.

    Between the two lies a round trip, for the requests that are on their way (RFC 9113 section 6.8).
    """

    __slots__ = ("_begun", "_connection", "_told", "_told_last")

    def __init__(self, connection: "Http2Connection") -> None:
        self._connection = connection
        self._begun = self._told = self._told_last = False

    def begin(self) -> None:
        """End soon. What is in flight may end before the client knows."""
        if not self._begun:
            self._begun = True
            engine = self._connection.engine
            engine.loop.call_later(engine.limits.goaway_delay if self._connection.streams else 0, self._tell)

    def streams_ended(self) -> None:
        """Nothing is in flight."""
        if self._begun:
            self._tell()

    def ping_answered(self, payload: bytes) -> None:
        """A round trip is over."""
        if payload == PING:
            self._tell_last()

    def _tell(self) -> None:
        if self._told or self._connection.over:
            return
        self._told = True
        with suppress(NGH2Error):  # the client was first
            self._connection.codec.send_shutdown_notice()
            self._connection.codec.ping(PING)
        self._connection.flush_soon()
        self._connection.engine.loop.call_later(ROUND_TRIP_SECONDS, self._tell_last)

    def _tell_last(self) -> None:
        if self._told_last or self._connection.over:
            return
        self._told_last = True
        with suppress(NGH2Error):
            self._connection.codec.send_goaway()
        self._connection.flush_soon()
