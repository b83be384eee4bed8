"""The bodies of requests: of a known length, or in chunks (RFC 9112 section 7.1)."""

import re
from typing import Protocol

from services.gateway.http2.request import Refused

MAX_CHUNK_LINE = 256  # bytes: a size and what extends it
MAX_TRAILERS = 8192  # bytes
_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # of an extension, and its value unless that is in quotes
_QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_EXTENSION = rb"[ \t]*;[ \t]*" + _NAME + rb"(?:[ \t]*=[ \t]*(?:" + _NAME + rb"|" + _QUOTED + rb"))?"
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:" + _EXTENSION + rb")*")
_TRAILERS = re.compile(rb"(?:[!#$%&'*+.^`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n")


class Body(Protocol):
    """Takes a body out of what arrives."""

    ended: bool

    def take(self, buffer: bytearray) -> bytes:
        """Remove from the buffer what belongs to the body, and return its content. Raises Refused."""
        ...


class Sized:
    """A body of a known length."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.ended = not length

    def take(self, buffer: bytearray) -> bytes:
        """What has arrived of it."""
        part = bytes(buffer[: self._left])
        del buffer[: len(part)]
        self._left -= len(part)
        self.ended = not self._left
        return part


class Chunked:
    """A body in chunks. Extensions and trailers are checked, bounded and dropped."""

    def __init__(self) -> None:
        self._left = 0  # of the chunk that is being read
        self._in_chunk = False  # its line break is still to come
        self._in_trailers = False
        self.ended = False

    def take(self, buffer: bytearray) -> bytes:
        """What has arrived of it. Raises Refused."""
        parts: list[bytes] = []
        while not self.ended and self._step(buffer, parts):
            pass
        return b"".join(parts)

    def _step(self, buffer: bytearray, parts: list[bytes]) -> bool:
        """Go on by one element; False when it has not arrived yet."""
        if self._left:
            part = bytes(buffer[: self._left])
            del buffer[: len(part)]
            self._left -= len(part)
            parts.append(part)
            return bool(part)
        if self._in_chunk:
            return self._end_chunk(buffer)
        return self._read_trailers(buffer) if self._in_trailers else self._begin_chunk(buffer)

    def _end_chunk(self, buffer: bytearray) -> bool:
        if not b"\r\n".startswith(buffer[:2]):
            raise Refused(400, "a chunk is longer than it says")
        if len(buffer) < 2:
            return False
        del buffer[:2]
        self._in_chunk = False
        return True

    def _begin_chunk(self, buffer: bytearray) -> bool:
        end = buffer.find(b"\r\n", 0, MAX_CHUNK_LINE)
        if end < 0:
            if len(buffer) >= MAX_CHUNK_LINE or b"\n" in buffer or b"\r" in buffer[:-1]:
                raise Refused(400, "a chunk's size is not a hexadecimal number and a line break")
            return False
        match = _CHUNK_LINE.fullmatch(buffer[:end])
        if match is None:
            raise Refused(400, "a chunk's size is not a hexadecimal number")
        self._left = int(match[1], 16)
        del buffer[: end + 2]
        self._in_chunk = self._left > 0
        self._in_trailers = not self._in_chunk
        return True

    def _read_trailers(self, buffer: bytearray) -> bool:
        end = 2 if buffer.startswith(b"\r\n") else buffer.find(b"\r\n\r\n", 0, MAX_TRAILERS) + 4
        if end < 4 and not buffer.startswith(b"\r\n"):
            if len(buffer) >= MAX_TRAILERS:
                raise Refused(431, f"the trailers are larger than {MAX_TRAILERS} bytes")
            lines = buffer.removesuffix(b"\r").replace(b"\r\n", b"")
            if b"\n" in lines or b"\r" in lines:  # it could not become right any more
                raise Refused(400, "lines end with a carriage return and a line feed")
            return False
        if _TRAILERS.fullmatch(buffer[:end]) is None:
            raise Refused(400, "the trailers are not fields of RFC 9112")
        del buffer[:end]
        self.ended = True
        return False
