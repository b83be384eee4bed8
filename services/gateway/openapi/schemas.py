"""JSON Schemas (2020-12) of the messages, as the encoder writes them and the decoder takes them."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from services.gateway.openapi.examples import Examples, has_fields
from services.gateway.transcoding import wellknown
from services.gateway.transcoding.reflection import enum_type, is_map, is_message, map_fields, message_type
from services.gateway.transcoding.scalars import RANGES

Schema = dict[str, Any]

SAFE = 2**53 - 1  # the largest whole number that every JSON reader keeps

_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Value": {},
}


class Schemas:
    """Collects the schemas of all messages that are referred to."""

    def __init__(self, comments: Mapping[str, str], examples: Examples) -> None:
        self._comments = comments
        self._examples = examples
        self.components: dict[str, Schema] = {}

    def message(self, message: Descriptor) -> Schema:
        """A schema for a message: a reference, except for well-known types."""
        if message.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message.full_name])
        if message.full_name in wellknown.WRAPPERS:
            return self.single(message.fields_by_name["value"])
        name = component_name(message.full_name)
        if name not in self.components:
            self.components[name] = {}  # known before its fields: messages may hold themselves
            self.components[name] = self._object(message)
        return {"$ref": f"#/components/schemas/{name}"}

    def field(self, field: FieldDescriptor) -> Schema:
        """A schema for a field, with its comment and its example."""
        return self.with_example(self._described(self.bare(field), field.full_name), field)

    def with_example(self, schema: Schema, field: FieldDescriptor) -> Schema:
        """The schema with the field's example; messages have theirs at their own fields."""
        example = None if has_fields(field) else self._examples.field(field)
        return schema if example is None else {**schema, "examples": [example]}

    def bare(self, field: FieldDescriptor) -> Schema:
        """A schema for a field."""
        if is_map(field):
            return {"type": "object", "additionalProperties": self.single(map_fields(field)[1])}
        if field.is_repeated:
            return {"type": "array", "items": self.single(field)}
        if is_message(field):
            return {"anyOf": [self.single(field), {"type": "null"}]}
        return self.single(field)

    def single(self, field: FieldDescriptor) -> Schema:
        """A schema for one value of a field."""
        if is_message(field):
            return self.message(message_type(field))
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            return self._enum(enum_type(field))
        return scalar(field)

    def _object(self, message: Descriptor) -> Schema:
        schema: Schema = {
            "type": "object",
            "properties": {field.name: self.field(field) for field in message.fields},
            "additionalProperties": False,
        }
        return self._described(schema, message.full_name)

    def _enum(self, enum: EnumDescriptor) -> Schema:
        meanings = [
            f"{value.name}: {comment}"
            for value in enum.values
            if (comment := self._comments.get(f"{enum.full_name}.{value.name}"))
        ]
        schema: Schema = {"type": "string", "enum": [value.name for value in enum.values]}
        return {**schema, "description": " ".join(meanings)} if meanings else schema

    def _described(self, schema: Schema, name: str) -> Schema:
        comment = self._comments.get(name)
        if not comment:
            return schema
        own = schema.get("description")
        return {**schema, "description": f"{comment} {own}" if own else comment}


def component_name(full_name: str) -> str:
    """A message's name among the components: cryptovault.prices.v1.Price becomes prices.Price."""
    parts = full_name.split(".")
    return ".".join((parts[1], *parts[3:])) if parts[0] == "cryptovault" else full_name


def scalar(field: FieldDescriptor) -> Schema:
    """A schema for a scalar value."""
    if field.cpp_type in RANGES:
        low, high = RANGES[field.cpp_type]
        return {"type": "integer", "minimum": max(low, -SAFE), "maximum": min(high, SAFE)}
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return {"type": "number"}
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"type": "boolean"}
    if field.type == FieldDescriptor.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    return {"type": "string"}
