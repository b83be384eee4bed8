"""Follows the frames of a connection by their headers alone, before anything is parsed, and counts the costly kinds.

libnghttp2 defends itself where a flood would fill its memory. What a flood costs in time is measured here, one budget
for every frame that asks for nothing (CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316).
"""

from services.gateway.http2.buckets import TokenBucket
from services.gateway.http2.limits import Limits
from services.gateway.http2.statistics import Event

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 section 3.4
FRAME_HEADER = 9

DATA, HEADERS, RST_STREAM, CONTINUATION = 0, 1, 3, 9
END_STREAM, END_HEADERS = 0x1, 0x4

EARNED_BY_REQUEST = 2  # a window update for the stream and one for the connection are common
BYTES_PER_TOKEN = 512  # of answers; clients update their windows as they read


class FrameMeter:
    """The frames of one connection."""

    __slots__ = ("_control", "_flags", "_head", "_kind", "_resets", "_skip", "block_since")

    def __init__(self, limits: Limits, resets: TokenBucket, now: float) -> None:
        self._control = TokenBucket(*limits.control_frames, now)
        self._resets = resets
        self._skip = len(PREFACE)  # bytes until the next frame header
        self._head = b""  # the part of a frame header that has arrived
        self._kind = self._flags = 0  # of the last frame whose header has arrived
        self.block_since: float | None = None  # when the header block began that is still incomplete

    def read(self, data: bytes, now: float) -> Event | None:
        """Take in what has arrived. Returns the budget that is overdrawn."""
        if self._head:
            data, self._head = self._head + data, b""
        control, resets = self._walk(data)
        if not self._in_block():
            self.block_since = None
        elif self.block_since is None:
            self.block_since = now
        if control < 0:
            self._control.earn(-control)
        elif control and not self._control.take(control, now):
            return Event.FRAME_FLOODS
        if resets and not self._resets.take(resets, now):
            return Event.RESET_FLOODS
        return None

    def sent(self, size: int) -> None:
        """Answers were sent: the client may speak of them."""
        self._control.earn(size / BYTES_PER_TOKEN)

    def _walk(self, data: bytes) -> tuple[int, int]:
        """Go from frame to frame. Returns the cost in control frames, and the resets."""
        control = resets = 0
        position, size = self._skip, len(data)
        while position + FRAME_HEADER <= size:
            kind, flags = self._kind, self._flags = data[position + 3], data[position + 4]
            length = data[position] << 16 | data[position + 1] << 8 | data[position + 2]
            position += FRAME_HEADER + length
            if kind == HEADERS:
                control -= EARNED_BY_REQUEST
            elif kind == RST_STREAM:
                resets += 1
            elif kind != DATA or (length == 0 and not flags & END_STREAM):
                control += 1
        self._skip = max(0, position - size)
        if position < size:
            self._head = data[position:]
        return control, resets

    def _in_block(self) -> bool:
        return self._kind in (HEADERS, CONTINUATION) and (self._skip > 0 or not self._flags & END_HEADERS)
