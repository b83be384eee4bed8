"""Engine.IO packets, and payloads of several of them as polling carries them."""

import base64
import binascii
from functools import cached_property
from typing import NamedTuple, Protocol

import msgspec

from services.realtime.domain.frames import BINARY, frame
from services.realtime.domain.packets import SEPARATOR

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"

_RECEIVED = frozenset({CLOSE, PING, PONG, MESSAGE, UPGRADE})


class Malformed(ValueError):
    """What the client sent is no packet."""


class Received(NamedTuple):
    """A packet from a client; binary ones are messages."""

    kind: str
    data: str | bytes


class Sendable(Protocol):
    """A packet to a client, ready for both transports."""

    @property
    def frame(self) -> bytes:
        """The complete WebSocket frame."""
        ...

    @property
    def payload(self) -> str:
        """How polling carries it."""
        ...


class Text:
    """A packet of text."""

    def __init__(self, kind: str, data: str = "") -> None:
        self.payload = kind + data

    @cached_property
    def frame(self) -> bytes:
        """The complete WebSocket frame."""
        return frame(self.payload.encode())


class Binary:
    """A binary message."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def frame(self) -> bytes:
        """The complete WebSocket frame."""
        return frame(self._data, BINARY)

    @property
    def payload(self) -> str:
        """Base64, as polling has it."""
        return "b" + base64.b64encode(self._data).decode()


PING_PACKET = Text(PING)
NOOP_PACKET = Text(NOOP)
CLOSE_PACKET = Text(CLOSE)
PROBE_ANSWER = Text(PONG, "probe")


def message(data: str | bytes) -> Sendable:
    """A message to a client."""
    return Text(MESSAGE, data) if isinstance(data, str) else Binary(data)


def opening(sid: str, upgrades: list[str], interval: float, timeout: float, max_payload: int) -> Text:
    """The first packet of a session; times are seconds, and milliseconds on the wire."""
    handshake = {
        "sid": sid,
        "upgrades": upgrades,
        "pingInterval": round(interval * 1000),
        "pingTimeout": round(timeout * 1000),
        "maxPayload": max_payload,
    }
    return Text(OPEN, msgspec.json.encode(handshake).decode())


def decode(text: str) -> Received:
    """A packet of text. Raises Malformed."""
    kind = text[:1]
    if kind not in _RECEIVED:
        raise Malformed("unknown packet type")
    return Received(kind, text[1:])


def decode_payload(body: bytes, max_packets: int) -> list[Received]:
    """The packets of a POST. Raises Malformed."""
    try:
        parts = body.decode().split(SEPARATOR)
    except UnicodeDecodeError:
        raise Malformed("a payload is UTF-8") from None
    if len(parts) > max_packets:
        raise Malformed(f"a payload has at most {max_packets} packets")
    return [_decode_binary(part) if part.startswith("b") else decode(part) for part in parts]


def _decode_binary(text: str) -> Received:
    try:
        return Received(MESSAGE, base64.b64decode(text[1:], validate=True))
    except binascii.Error:
        raise Malformed("a binary packet is base64") from None
