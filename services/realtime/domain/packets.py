"""Outgoing events, encoded once and written to any number of sockets.

A packet is a Socket.IO EVENT (protocol v5) inside an Engine.IO MESSAGE (protocol v4), and for WebSocket transports the
whole server frame (RFC 6455, section 5.2) is built once as well.
"""

import re
import struct
from functools import cached_property

import msgspec

MAX_EVENT_LENGTH = 64  # characters

# Names that the Socket.IO client libraries keep for themselves.
RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)

_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*")
_FINAL_TEXT = 0x81  # FIN set, opcode 1


class Packet:
    """One event with its data, a JSON object, ready for every transport."""

    def __init__(self, event: str, data: bytes) -> None:
        self.event = event
        self._payload = b"2[" + msgspec.json.encode(event) + b"," + data + b"]"

    @cached_property
    def text(self) -> str:
        """The Socket.IO packet, without the Engine.IO type before it."""
        return self._payload.decode()

    @cached_property
    def frame(self) -> bytes:
        """The complete, unmasked WebSocket frame."""
        return frame(b"4" + self._payload)

    @property
    def size(self) -> int:
        """Length of the Socket.IO packet, in bytes."""
        return len(self._payload)


def frame(payload: bytes) -> bytes:
    """A final text frame as a server sends it."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", _FINAL_TEXT, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", _FINAL_TEXT, 126, length) + payload
    return struct.pack("!BBQ", _FINAL_TEXT, 127, length) + payload


def fault_of_event_name(name: str) -> str:
    """Why a name cannot be used for an event; empty if it can."""
    if not name:
        return "is required"
    if len(name) > MAX_EVENT_LENGTH:
        return f"has at most {MAX_EVENT_LENGTH} characters"
    if name in RESERVED_EVENTS:
        return "is reserved by Socket.IO"
    if not _EVENT.fullmatch(name):
        return "begins with a letter and holds letters, digits and _ . : - only"
    return ""
