"""WebSocket frames as a client sends them (RFC 6455, section 5): reading them, without any input or output."""

import struct
from typing import NamedTuple

from services.realtime.domain.frames import BINARY, TEXT, frame

CONTINUATION = 0
CLOSE = 8
PING = 9
PONG = 10

NORMAL_CLOSURE = 1000
PROTOCOL_ERROR = 1002
NOT_UTF8 = 1007
TOO_BIG = 1009

_DATA = frozenset({CONTINUATION, TEXT, BINARY})
_CONTROL = frozenset({CLOSE, PING, PONG})
_KNOWN = _DATA | _CONTROL
_LENGTH_BYTES = {126: 2, 127: 8}  # that follow, by the length in the head
_MAX_CONTROL = 125  # bytes
_MAX_FRAGMENTS = 128  # of one message: a message counts once, whatever it costs to put together


class FrameError(Exception):
    """The client broke the protocol; `code` is what the closing frame says."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Message(NamedTuple):
    """A whole message, or a control frame. The payload of TEXT is valid UTF-8 only once decoded."""

    opcode: int
    payload: bytes


class _Frame(NamedTuple):
    final: bool
    opcode: int
    payload: bytes
    end: int  # where the next frame begins


class FrameReader:
    """Puts messages together from bytes as they arrive."""

    __slots__ = ("_count", "_fragments", "_max_message", "_opcode", "_rest")

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message  # bytes
        self._rest = b""
        self._opcode = CONTINUATION  # of the message whose fragments are being collected
        self._fragments = b""
        self._count = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete with this. Raises FrameError."""
        data = self._rest + data if self._rest else data
        messages, position = [], 0
        while (found := _frame_at(data, position, self._max_message)) is not None:
            position = found.end
            if found.opcode in _CONTROL:
                messages.append(Message(found.opcode, found.payload))
            elif (message := self._assembled(found)) is not None:
                messages.append(message)
        self._rest = data[position:]
        return messages

    def _assembled(self, part: _Frame) -> Message | None:
        begins = part.opcode != CONTINUATION
        if begins is (self._opcode != CONTINUATION):
            raise FrameError(PROTOCOL_ERROR, "fragments out of order")
        if begins and part.final:
            return Message(part.opcode, part.payload)
        self._opcode = self._opcode or part.opcode
        self._fragments += part.payload
        self._count += 1
        if len(self._fragments) > self._max_message or self._count > _MAX_FRAGMENTS:
            raise FrameError(TOO_BIG, "message too big")
        if not part.final:
            return None
        message = Message(self._opcode, self._fragments)
        self._opcode, self._fragments, self._count = CONTINUATION, b"", 0
        return message


def close_frame(code: int) -> bytes:
    """The frame that ends a connection."""
    return frame(struct.pack("!H", code), CLOSE)


def _frame_at(data: bytes, start: int, max_payload: int) -> _Frame | None:
    """The frame that begins at `start`, if all of it is there. Raises FrameError."""
    if len(data) - start < 2:
        return None
    final, opcode, length = bool(data[start] & 0x80), data[start] & 0x0F, data[start + 1] & 0x7F
    if data[start] & 0x70 or opcode not in _KNOWN or not data[start + 1] & 0x80:
        raise FrameError(PROTOCOL_ERROR, "reserved bits, unknown opcode or no mask")
    if opcode in _CONTROL and (length > _MAX_CONTROL or not final):
        raise FrameError(PROTOCOL_ERROR, "control frames are short and whole")
    position = start + 2 + _LENGTH_BYTES.get(length, 0)
    if len(data) < position:
        return None
    if length >= 126:
        length = int.from_bytes(data[start + 2 : position])
    if length > max_payload and opcode in _DATA:
        raise FrameError(TOO_BIG, "message too big")
    end = position + 4 + length
    if len(data) < end:
        return None
    return _Frame(final, opcode, _unmasked(data[position : position + 4], data[position + 4 : end]), end)


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    """One addition without carry of two long numbers, instead of a loop over bytes."""
    length = len(payload)
    repeated = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(length)
