"""Examples of requests and answers, made of what the protos declare for their fields (gateway/v1/example.proto).

They are true: each has gone through the gateway's own decoder, and answers through its encoder.
"""

from collections.abc import Sequence
from typing import Any

from cryptovault.gateway.v1 import example_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from services.gateway.transcoding import wellknown
from services.gateway.transcoding.catalog import CatalogError
from services.gateway.transcoding.decoding import Problems, fill_message, parse_json
from services.gateway.transcoding.encoding import Encoders
from services.gateway.transcoding.reflection import is_map, is_message, message_type

Example = dict[str, Any]

_TEXT_TYPES = frozenset({"google.protobuf.Timestamp", "google.protobuf.Duration"})


class Examples:
    """Builds examples. Every method raises CatalogError naming the field whose example is not one."""

    def __init__(self) -> None:
        self._encoders = Encoders()
        self._begun: set[str] = set()

    def field(self, field: FieldDescriptor) -> Any:
        """What a field may hold, as JSON; None where nothing is declared."""
        texts = field.GetOptions().Extensions[example_pb2.example]
        try:
            values = self._messages(field, texts) if has_fields(field) else [_value(field, text) for text in texts]
        except ValueError as error:
            raise CatalogError(f"{field.full_name}: the example {error}") from error
        if not values:
            return None
        return values if field.is_repeated and not is_map(field) else values[0]

    def request(self, message: Descriptor) -> Example:
        """A message as a client may write it: the fields that its example holds, and no more."""
        example = self._message(message)
        _decoded(message, example)
        return example

    def answer(self, message: Descriptor) -> Example:
        """A message as the gateway writes it: with every field."""
        plain: Example = self._encoders.encoder(message)(_decoded(message, self._message(message)))
        return plain

    def _message(self, message: Descriptor) -> Example:
        if message.full_name in self._begun:  # it holds itself, and there has to be an end
            return {}
        self._begun.add(message.full_name)
        values = {field.name: self.field(field) for field in _shown(message)}
        self._begun.remove(message.full_name)
        return {name: value for name, value in values.items() if value is not None}

    def _messages(self, field: FieldDescriptor, texts: Sequence[str]) -> list[Example]:
        example = self._message(message_type(field))
        changed = [_changed(example, text) for text in texts]
        return changed or ([example] if example else [])


def has_fields(field: FieldDescriptor) -> bool:
    """Whether a field holds messages with fields of their own, not values that JSON has another form for."""
    return is_message(field) and not is_map(field) and message_type(field).file.package != "google.protobuf"


def _shown(message: Descriptor) -> list[FieldDescriptor]:
    declared = message.GetOptions().Extensions[example_pb2.example_fields]
    if not declared:
        return list(message.fields)
    unknown = [name for name in declared.split(",") if name not in message.fields_by_name]
    if unknown:
        raise CatalogError(f"{message.full_name}: example_fields names {unknown[0]!r}, which is no field")
    return [message.fields_by_name[name] for name in declared.split(",")]


def _value(field: FieldDescriptor, text: str) -> Any:
    """The JSON value that a declared example means. Raises ValueError."""
    if is_message(field):
        kind = message_type(field)
        if kind.full_name in wellknown.WRAPPERS:
            return _value(kind.fields_by_name["value"], text)
        return text if kind.full_name in _TEXT_TYPES else parse_json(text.encode())
    as_it_is = field.cpp_type in (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_ENUM)
    return text if as_it_is else parse_json(text.encode())


def _changed(example: Example, text: str) -> Example:
    changes = parse_json(text.encode())
    if not isinstance(changes, dict):
        raise ValueError("must be an object")
    return {**example, **changes}


def _decoded(message: Descriptor, example: Example) -> Message:
    """The message that an example means."""
    made, problems = message_factory.GetMessageClass(message)(), Problems()
    fill_message(example, made, "", problems)
    if problems.found:
        first = problems.found[0]
        raise CatalogError(f"{message.full_name}: the example of {first.field} {first.message}")
    return made
