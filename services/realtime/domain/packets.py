"""Outgoing events, encoded once and written to any number of sockets.

A packet is a Socket.IO EVENT (protocol v5) inside an Engine.IO MESSAGE (protocol v4), and for WebSocket transports the
whole server frame (RFC 6455, section 5.2) is built once as well.
"""

import re
from collections.abc import Sequence
from functools import cached_property

import msgspec

from services.realtime.domain.frames import frame

SEPARATOR = "\x1e"  # between packets on polling
MAX_EVENT_LENGTH = 64  # characters

# Names that the Socket.IO client libraries keep for themselves.
RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)

_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*")


class Packet:
    """One event with its data, a JSON object, ready for every transport."""

    count = 1

    def __init__(self, event: str, data: bytes, number: int | None = None) -> None:
        """With a number, clients acknowledge the event."""
        self.event = event
        self.encoded = (
            (b"42[" if number is None else b"42%d[" % number) + msgspec.json.encode(event) + b"," + data + b"]"
        )

    @classmethod
    def received(cls, encoded: bytes) -> "Packet":
        """An event that another node has encoded. Raises ValueError when it is none."""
        if not encoded.startswith(b"42["):
            raise ValueError("not an encoded event")
        encoded.decode()  # or polling could not carry it
        packet = cls.__new__(cls)
        packet.event, packet.encoded = "", encoded
        return packet

    @cached_property
    def payload(self) -> str:
        """The packet as polling carries it."""
        return self.encoded.decode()

    @cached_property
    def frame(self) -> bytes:
        """The complete WebSocket frame."""
        return frame(self.encoded)

    @property
    def size(self) -> int:
        """Length of the packet, in bytes."""
        return len(self.encoded)


class Bundle:
    """Packets that leave in one write: a connection that is cut brings the client all of them or none."""

    def __init__(self, packets: Sequence[Packet]) -> None:
        self.packets = packets

    @cached_property
    def payload(self) -> str:
        """The packets as polling carries them."""
        return SEPARATOR.join(packet.payload for packet in self.packets)

    @cached_property
    def frame(self) -> bytes:
        """One WebSocket frame after the other."""
        return b"".join([packet.frame for packet in self.packets])

    @property
    def count(self) -> int:
        """How many packets there are."""
        return len(self.packets)

    @property
    def size(self) -> int:
        """Length of all packets, in bytes."""
        return sum(packet.size for packet in self.packets)


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
