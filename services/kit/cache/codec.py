"""How values become bytes for Redis: a codec for the value, an envelope that says how to read it."""

import struct
from typing import Any, Generic, Protocol, TypeVar

import msgspec

V = TypeVar("V")

ENVELOPE_FORMAT = 1
_HEADER = struct.Struct(">BHB")  # envelope format, schema of the value, kind
_NOTHING, _VALUE = 0, 1


class Codec(Protocol[V]):
    """Turns values into bytes and back."""

    def encode(self, value: V) -> bytes:
        """The value as bytes."""
        ...

    def decode(self, data: bytes) -> V:
        """The value again. Raises ValueError when the bytes are not one."""
        ...


class Msgpack(Generic[V]):
    """MessagePack by msgspec: plain data, Structs, dataclasses and bytes, checked against `kind` when read."""

    def __init__(self, kind: Any = Any) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[V] = msgspec.msgpack.Decoder(kind)

    def encode(self, value: V) -> bytes:
        """The value as bytes."""
        return self._encoder.encode(value)

    def decode(self, data: bytes) -> V:
        """The value again. Raises ValueError when the bytes are not one."""
        return self._decoder.decode(data)


class Envelope(Generic[V]):
    """Wraps encoded values; what another format or schema wrote is refused, so releases can differ side by side."""

    def __init__(self, codec: Codec[V], schema: int) -> None:
        self._codec = codec
        self._schema = schema

    def seal(self, value: V | None) -> bytes:
        """A value, or the knowledge that there is none, as bytes."""
        if value is None:
            return _HEADER.pack(ENVELOPE_FORMAT, self._schema, _NOTHING)
        return _HEADER.pack(ENVELOPE_FORMAT, self._schema, _VALUE) + self._codec.encode(value)

    def open(self, sealed: bytes) -> V | None:
        """What was sealed. Raises ValueError when it cannot be read."""
        try:
            envelope_format, schema, kind = _HEADER.unpack_from(sealed)
        except struct.error as error:
            raise ValueError("the envelope is cut short") from error
        if (envelope_format, schema) != (ENVELOPE_FORMAT, self._schema):
            raise ValueError("the envelope has another format or schema")
        return None if kind == _NOTHING else self._codec.decode(sealed[_HEADER.size :])
