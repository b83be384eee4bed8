"""Protobuf messages to plain data for JSON, by encoders compiled once per message type.

The form is canonical protobuf JSON with these differences, all of them kinder to readers: proto field names, every
field present (an absent message is null), maps in the order of their keys (protobuf's own differs from process to
process), and 64-bit integers as numbers while they are below 2^53, the largest that every JSON reader keeps exactly.
"""

import base64
import math
import struct
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.gateway.transcoding import wellknown
from services.gateway.transcoding.elements import Elements, split
from services.gateway.transcoding.reflection import enum_type, is_map, is_message, map_fields, message_type

Convert = Callable[[Any], Any]

MAX_SAFE_INTEGER = 2**53
_WIDE = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)


class Encoders:
    """The encoders of all message types met so far."""

    def __init__(self) -> None:
        self._by_type: dict[str, MessageEncoder] = {}

    def encoder(self, message: Descriptor) -> Convert:
        """A function from a message of this type to plain data that any JSON writer takes."""
        name = message.full_name
        known = self._by_type.get(name) or wellknown.ENCODERS.get(name)
        if known is not None:
            return known
        if name in wellknown.WRAPPERS:
            return self.reader(message.fields_by_name["value"])
        encoder = self._by_type[name] = MessageEncoder()  # known before its fields: types may be recursive
        for field in message.fields:
            encoder.add(field, self._converter_of_all(field))
        return encoder

    def answer_encoder(self, message: Descriptor) -> Convert:
        """As `encoder`, from a serialised answer: the elements of its list are kept as JSON."""
        encode, parse = self.encoder(message), GetMessageClass(message).FromString
        lists = [field for field in message.fields if field.is_repeated and is_message(field) and not is_map(field)]
        if not lists:
            return lambda data: encode(parse(data))
        name, number, kind = lists[0].name, lists[0].number, message_type(lists[0])
        elements = Elements(GetMessageClass(kind).FromString, self.encoder(kind))

        def with_elements(data: bytes) -> dict[str, Any]:
            parts, rest = split(data, number)
            plain: dict[str, Any] = encode(parse(rest))
            plain[name] += elements(parts)
            return plain

        return with_elements

    def reader(self, field: FieldDescriptor) -> Convert:
        """A function from the message to the JSON value of one of its fields."""
        encoder = MessageEncoder()
        encoder.add(field, self._converter_of_all(field))
        return lambda message: encoder(message)[field.name]

    def _converter_of_all(self, field: FieldDescriptor) -> Convert | None:
        """How a field's value is converted, however many values it has."""
        if is_map(field):
            return self._map_converter(field)
        convert = self._converter(field)
        if not field.is_repeated:
            return convert
        return list if convert is None else lambda values: [convert(value) for value in values]

    def _map_converter(self, field: FieldDescriptor) -> Convert:
        key_field, value_field = map_fields(field)
        write_key, convert = _map_key(key_field), self._converter(value_field)
        if convert is None:
            return lambda values: {write_key(key): value for key, value in sorted(values.items())}
        return lambda values: {write_key(key): convert(value) for key, value in sorted(values.items())}

    def _converter(self, field: FieldDescriptor) -> Convert | None:
        """How one value is converted; None when it stays as it is."""
        if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            return self.encoder(message_type(field))
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            return _enum_encoder(enum_type(field))
        if field.type == FieldDescriptor.TYPE_BYTES:
            return encode_bytes
        if field.cpp_type in _WIDE:
            return encode_wide
        if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
            return encode_double
        if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
            return encode_float
        return None


class MessageEncoder:
    """Turns messages of one type into plain data: all fields are read at once, and those converted that need it."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._converted: list[tuple[str, Convert]] = []
        self._optional: list[tuple[str, Convert | None]] = []
        self._read: Callable[[Message], tuple[Any, ...]] = lambda message: ()

    def add(self, field: FieldDescriptor, convert: Convert | None) -> None:
        """Add a field."""
        self._names.append(field.name)
        if field.has_presence and not field.is_repeated:
            self._optional.append((field.name, convert))
        elif convert is not None:
            self._converted.append((field.name, convert))
        read = attrgetter(*self._names)
        self._read = read if len(self._names) > 1 else lambda message: (read(message),)

    def __call__(self, message: Message) -> dict[str, Any]:
        """The message as plain data."""
        plain = dict(zip(self._names, self._read(message), strict=True))
        for name, convert in self._converted:
            plain[name] = convert(plain[name])
        for name, convert_present in self._optional:
            if not message.HasField(name):
                plain[name] = None
            elif convert_present is not None:
                plain[name] = convert_present(plain[name])
        return plain


def _map_key(field: FieldDescriptor) -> Callable[[Any], str]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda key: "true" if key else "false"
    return str


def _enum_encoder(enum: EnumDescriptor) -> Convert:
    names = {number: value.name for number, value in enum.values_by_number.items()}
    return lambda number: names.get(number, number)  # a number newer than our protos stays a number


def encode_bytes(value: bytes) -> str:
    """Base64 with padding."""
    return base64.b64encode(value).decode()


def encode_wide(value: int) -> int | str:
    """A number while every reader keeps it exactly, else a string."""
    return value if -MAX_SAFE_INTEGER < value < MAX_SAFE_INTEGER else str(value)


def encode_double(value: float) -> float | str:
    """A number, or the name of what JSON has no number for."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def encode_float(value: float) -> float | str:
    """The shortest number that reads back as the same 32-bit float."""
    if not math.isfinite(value):
        return encode_double(value)
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if struct.pack("f", short) == struct.pack("f", value):
            return short
    return float(f"{value:.9g}")
