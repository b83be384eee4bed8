"""What a request holds: parameters of the path and the query, and the body."""

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from services.gateway.openapi.examples import Example, Examples, has_fields
from services.gateway.openapi.schemas import Schema, Schemas
from services.gateway.transcoding import wellknown
from services.gateway.transcoding.catalog import Operation
from services.gateway.transcoding.reflection import find_field, is_message, message_type

_IN_A_QUERY = wellknown.WRAPPERS | {"google.protobuf.Timestamp", "google.protobuf.Duration"}


class Requests:
    """Describes the requests of operations."""

    def __init__(self, comments: Mapping[str, str], schemas: Schemas, examples: Examples) -> None:
        self._comments = comments
        self._schemas = schemas
        self._examples = examples

    def parameters(self, operation: Operation) -> list[dict[str, Any]]:
        """The parameters; an example stands at those that the operation's example request holds."""
        in_path = operation.template.fields
        example = self._examples.request(operation.request)
        parameters = [self._parameter(find_field(operation.request, name), name, "path", example) for name in in_path]
        if operation.body == "*":
            return parameters
        taken = frozenset({*in_path, operation.body})
        in_query = query_fields(operation.request, taken)
        return parameters + [self._parameter(field, name, "query", example) for name, field in in_query]

    def body(self, operation: Operation) -> dict[str, Any]:
        """The body of an operation that takes one."""
        example = self._body_example(operation)
        media = {"schema": self._body_schema(operation)} | ({} if example is None else {"example": example})
        return {"required": True, "content": {"application/json": media}}

    def _parameter(self, field: FieldDescriptor, name: str, place: str, example: Example) -> dict[str, Any]:
        schema = self._schemas.bare(field) if field.is_repeated else self._schemas.single(field)
        value = _found(example, name)
        return {
            "name": name,
            "in": place,
            "required": place == "path",
            "description": self._comments.get(field.full_name, ""),
            "schema": self._schemas.with_example(schema, field),
            **({} if value is None else {"example": value}),
        }

    def _body_example(self, operation: Operation) -> Any:
        example = self._examples.request(operation.request)
        if operation.body != "*":
            return example.get(operation.body)
        return {name: value for name, value in example.items() if name not in operation.template.fields}

    def _body_schema(self, operation: Operation) -> Schema:
        if operation.body != "*":
            return self._schemas.field(operation.request.fields_by_name[operation.body])
        in_path = set(operation.template.fields)
        if not in_path:
            return self._schemas.message(operation.request)
        fields = [field for field in operation.request.fields if field.name not in in_path]
        properties = {field.name: self._schemas.field(field) for field in fields}
        return {"type": "object", "properties": properties, "additionalProperties": False}


def query_fields(
    message: Descriptor, taken: frozenset[str], prefix: str = "", above: frozenset[str] = frozenset()
) -> Iterator[tuple[str, FieldDescriptor]]:
    """The fields that a query may hold, by name; those of messages with a dot between the names."""
    above |= {message.full_name}
    for field in message.fields:
        name = prefix + field.name
        if name in taken:
            continue
        if not is_message(field) or (not field.is_repeated and message_type(field).full_name in _IN_A_QUERY):
            yield name, field
        elif has_fields(field) and not field.is_repeated and message_type(field).full_name not in above:
            yield from query_fields(message_type(field), taken, f"{name}.", above)


def _found(example: Example, path: str) -> Any:
    """The value at a dotted path, None when there is none."""
    value: Any = example
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
