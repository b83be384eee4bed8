"""WebSocket frames as a server sends them (RFC 6455, section 5.2): final and unmasked."""

import struct

TEXT = 1
BINARY = 2

_FINAL = 0x80


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A complete frame."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", _FINAL | opcode, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", _FINAL | opcode, 126, length) + payload
    return struct.pack("!BBQ", _FINAL | opcode, 127, length) + payload
