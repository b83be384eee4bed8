"""Follows the frames of a connection by their headers alone, before anything is parsed.

libnghttp2 defends itself where a flood would fill its memory. What a flood costs in time is measured here, one budget
for every frame that asks for nothing (CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316). And it passes over some
mistakes of clients that RFC 9113 wants to end the connection; they are found here as well.
"""

from collections.abc import Container
from struct import Struct
from typing import NamedTuple

from services.gateway.http2.buckets import TokenBucket
from services.gateway.http2.codec import ErrorCode
from services.gateway.http2.limits import Limits
from services.gateway.http2.statistics import Event

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 section 3.4
FRAME_HEADER = 9
STREAM_ID = 0x7FFFFFFF  # without the reserved bit
LARGEST_FRAME = 2**14  # that we take

DATA, HEADERS, PRIORITY, RST_STREAM, CONTINUATION = 0, 1, 2, 3, 9
END_STREAM, END_HEADERS = 0x1, 0x4

EARNED_BY_REQUEST = 2  # a window update for the stream and one for the connection are common
BYTES_PER_TOKEN = 512  # of answers; clients update their windows as they read
STILLBORN = 5  # resets that one counts for whose stream had begun in the same read: rapid reset does nothing else


class Fault(NamedTuple):
    """Why a connection has to end."""

    event: Event
    code: ErrorCode


FRAME_FLOOD = Fault(Event.FRAME_FLOODS, ErrorCode.ENHANCE_YOUR_CALM)
RESET_FLOOD = Fault(Event.RESET_FLOODS, ErrorCode.ENHANCE_YOUR_CALM)
CLOSED_STREAM = Fault(Event.PROTOCOL_ERRORS, ErrorCode.STREAM_CLOSED)
NO_STREAM = Fault(Event.PROTOCOL_ERRORS, ErrorCode.PROTOCOL_ERROR)

_frame_header = Struct(">IBI")  # length and type, flags, stream: RFC 9113 section 4.1


class FrameMeter:
    """The frames of one connection."""

    __slots__ = (
        "_control", "_fault", "_flags", "_given_up", "_kind", "_last", "_opened", "_resets", "_reused", "_skip",
        "block_since", "whole",
    )  # fmt: skip

    def __init__(self, limits: Limits, resets: TokenBucket, now: float) -> None:
        self._control = TokenBucket(*limits.control_frames, now)
        self._resets = resets
        self._skip = len(PREFACE)  # bytes until the next frame header
        self._kind = self._flags = 0  # of the last frame
        self._last = 0  # the highest stream
        self._opened: set[int] = set()  # streams that began in what was read last
        self._reused: list[int] = []  # streams that had begun before, and were written to
        self._given_up: set[int] = set()  # streams that were reset in what was read last
        self._fault: Fault | None = None  # that shows without knowing which streams are open
        self.whole = 0  # bytes of what was read last that may be parsed
        self.block_since: float | None = None  # when the header block began that is still incomplete

    def read(self, data: bytes, now: float, streams: Container[int], forgiven: Container[int]) -> Fault | None:
        """Take in what has arrived. What is not `whole` is to be given again, with what follows.

        DATA frames are kept until they are complete: when a stream ends in the middle of one, ngh2 forgets the part
        that it holds, and with it that much of the connection's window.

        Those who write to a stream that is neither among `streams`, the open ones, nor among those `forgiven`, which
        we have ended without them, are at fault.
        """
        control, resets = self._walk(data)
        self.block_since = None if not self._in_block() else now if self.block_since is None else self.block_since
        if control < 0:
            self._control.earn(-control)
        elif control and not self._control.take(control, now):
            return FRAME_FLOOD
        if resets and not self._resets.take(resets, now):
            return RESET_FLOOD
        return self._fault or self._reuse(streams, forgiven)

    def sent(self, size: int) -> None:
        """Answers were sent: the client may speak of them."""
        self._control.earn(size / BYTES_PER_TOKEN)

    def _walk(self, data: bytes) -> tuple[int, int]:
        """Go from frame to frame. Returns the cost in control frames, and the resets."""
        control = resets = 0
        self._opened.clear()
        self._given_up.clear()
        if self._in_block():
            self._opened.add(self._last)  # nobody else knows of that stream yet
        position, size = self._skip, len(data)
        while position + FRAME_HEADER <= size:
            length_and_kind, flags, stream = _frame_header.unpack_from(data, position)
            length, kind = length_and_kind >> 8, length_and_kind & 0xFF
            if kind == DATA and position + FRAME_HEADER + length > size and length <= LARGEST_FRAME:
                break
            self._kind, self._flags = kind, flags
            if kind == HEADERS:
                control -= EARNED_BY_REQUEST
                self.block_since = None
                self._note(stream & STREAM_ID, opens=True)
            elif kind == RST_STREAM:
                stream &= STREAM_ID
                resets += STILLBORN if stream in self._opened else 1
                self._given_up.add(stream)
            elif kind != DATA or (length == 0 and not flags & END_STREAM):
                control += 1
            if kind in (DATA, PRIORITY):
                self._note(stream & STREAM_ID, opens=False)
            position += FRAME_HEADER + length
        self._skip = max(0, position - size)
        self.whole = min(position, size)
        return control, resets

    def _note(self, stream: int, *, opens: bool) -> None:
        if stream > self._last:
            if opens:
                self._last = stream
                self._opened.add(stream)
        elif not stream:
            self._fault = NO_STREAM
        elif self._kind != PRIORITY:
            self._reused.append(stream)
            if stream in self._given_up:
                self._fault = CLOSED_STREAM

    def _reuse(self, streams: Container[int], forgiven: Container[int]) -> Fault | None:
        reused, self._reused = self._reused, []
        for stream in reused:
            if stream not in streams and stream not in forgiven and stream not in self._opened:
                return CLOSED_STREAM
        return None

    def _in_block(self) -> bool:
        return self._kind in (HEADERS, CONTINUATION) and (self._skip > 0 or not self._flags & END_HEADERS)
