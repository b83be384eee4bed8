"""The elements of an answer's list, turned into JSON once: the same price is in the answers to many questions."""

from collections.abc import Callable
from typing import Any

import msgspec
from google.protobuf.message import Message

MOST = 1000  # elements that are kept
LARGEST = 1024  # bytes of one that is
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5  # how a field's value is written

_json = msgspec.json.Encoder()


class Elements:
    """A list's messages as JSON, kept by their bytes: what has changed is another message."""

    def __init__(self, parse: Callable[[bytes], Message], to_plain: Callable[[Message], Any]) -> None:
        self._parse = parse
        self._to_plain = to_plain
        self._kept: dict[bytes, msgspec.Raw] = {}

    def __call__(self, parts: list[bytes]) -> list[Any]:
        """What a JSON writer takes for the list. Raises DecodeError for what is no message."""
        known = self._kept.get
        return [self._add(part) if (found := known(part)) is None else found for part in parts]

    def _add(self, part: bytes) -> Any:
        plain = self._to_plain(self._parse(part))
        if len(part) > LARGEST:
            return plain
        if len(self._kept) >= MOST:
            self._kept.clear()
        kept = self._kept[part] = msgspec.Raw(_json.encode(plain))
        return kept


def split(data: bytes, number: int) -> tuple[list[bytes], bytes]:
    """The messages of the list with this field number, and all else of the message that holds it.

    https://protobuf.dev/programming-guides/encoding/. What is malformed is all else: who parses it will say so.
    """
    parts, rest, position, tag = list[bytes](), b"", 0, number << 3 | DELIMITED
    try:
        while position < len(data):
            begin = position
            key, position = _varint(data, position)
            kind = key & 7
            if kind == DELIMITED:
                length, value = _varint(data, position)
                position = value + length
            elif kind == VARINT:
                _, position = _varint(data, position)
            else:
                position += {FIXED64: 8, FIXED32: 4}[kind]
            if key == tag:
                parts.append(data[value:position])
            else:
                rest += data[begin:position]
    except (IndexError, KeyError):
        return [], data
    return (parts, rest) if position == len(data) else ([], data)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number, and where it ends."""
    number = shift = 0
    while (byte := data[position]) > 0x7F:
        number |= (byte & 0x7F) << shift
        shift += 7
        position += 1
    return number | byte << shift, position + 1
