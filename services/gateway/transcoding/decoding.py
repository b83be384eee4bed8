"""JSON bodies to protobuf messages, strictly: every unknown field and every wrong type is named, all at once."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from services.gateway.transcoding import scalars, wellknown
from services.gateway.transcoding.reflection import descriptor_of, is_map, is_message, map_fields
from services.kit.errors import FieldError

MAX_DEPTH = 32  # levels of nesting
MAX_PROBLEMS = 50  # reported at once
BODY = "body"  # what the whole body is called in errors
NONE = frozenset[str]()

_TIMES: dict[str, Callable[[str, Any], None]] = {
    "google.protobuf.Timestamp": wellknown.decode_timestamp,
    "google.protobuf.Duration": wellknown.decode_duration,
}

# What each is made from, and how.
_FREE_FORM: dict[str, tuple[type, Callable[[Any, Any], None]]] = {
    "google.protobuf.Value": (object, wellknown.decode_value),
    "google.protobuf.Struct": (dict, wellknown.decode_struct),
    "google.protobuf.ListValue": (list, wellknown.decode_list),
}


class Problems:
    """The mistakes found so far."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, path: str, message: str) -> None:
        """Note a mistake; more than anybody reads are not kept."""
        if len(self.found) < MAX_PROBLEMS:
            self.found.append(FieldError(path or BODY, message))

    def attempt(self, path: str, work: Callable[[], None]) -> None:
        """Run something that raises ValueError when the value at `path` is wrong."""
        try:
            work()
        except ValueError as error:
            self.add(path, str(error))


def parse_json(body: bytes) -> Any:
    """Parse a JSON document; an empty body is an empty object. Raises ValueError in words for people."""
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"is not valid JSON: {_why(error)}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if _deeper_than(value, MAX_DEPTH):
        raise ValueError(f"is nested more than {MAX_DEPTH} levels deep")
    return value


def _why(error: Exception) -> str:
    return (
        "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).removeprefix("JSON is malformed: ")
    )


def _deeper_than(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_deeper_than(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_deeper_than(item, levels - 1) for item in value)
    return False


def fill_message(value: Any, into: Message, path: str, problems: Problems, bound: frozenset[str] = NONE) -> None:
    """Fill a message from JSON. `bound` names fields, by their paths, that the request's path has given already."""
    name = descriptor_of(into).full_name
    if name in _TIMES:
        _fill_time(name, value, into, path, problems)
    elif name.startswith("google.protobuf."):
        _fill_well_known(name, value, into, path, problems)
    elif not isinstance(value, dict):
        problems.add(path, "must be an object")
    else:
        for key, item in value.items():
            _fill_key(key, item, into, f"{path}.{key}" if path else key, problems, bound)


def _fill_key(key: str, item: Any, into: Message, path: str, problems: Problems, bound: frozenset[str]) -> None:
    field = descriptor_of(into).fields_by_name.get(key)
    if field is None:
        problems.add(path, "is not known here")
    elif path in bound:
        problems.add(path, "is given by the path already")
    elif item is not None:  # null means: not given
        fill_field(field, item, into, path, problems, bound)


def fill_field(
    field: FieldDescriptor, value: Any, into: Message, path: str, problems: Problems, bound: frozenset[str] = NONE
) -> None:
    """Fill one field of any kind."""
    if is_map(field):
        _fill_map(field, value, into, path, problems)
    elif field.is_repeated:
        _fill_repeated(field, value, into, path, problems)
    elif is_message(field):
        child = getattr(into, field.name)
        child.SetInParent()
        fill_message(value, child, path, problems, bound)
    else:
        problems.attempt(path, partial(_assign, into, field, value))


def _assign(into: Message, field: FieldDescriptor, value: Any) -> None:
    setattr(into, field.name, scalars.from_json(field, value))


def _append(items: Any, field: FieldDescriptor, value: Any) -> None:
    items.append(scalars.from_json(field, value))


def _fill_repeated(field: FieldDescriptor, value: Any, into: Message, path: str, problems: Problems) -> None:
    if not isinstance(value, list):
        problems.add(path, "must be an array")
        return
    items = getattr(into, field.name)
    for index, item in enumerate(value):
        place = f"{path}[{index}]"
        if is_message(field):
            fill_message(item, items.add(), place, problems)
        else:
            problems.attempt(place, partial(_append, items, field, item))


def _fill_map(field: FieldDescriptor, value: Any, into: Message, path: str, problems: Problems) -> None:
    if not isinstance(value, dict):
        problems.add(path, "must be an object")
        return
    key_field, value_field = map_fields(field)
    items = getattr(into, field.name)
    for text, item in value.items():
        place = f"{path}.{text}"
        try:
            key = scalars.from_text(key_field, text)
            if is_message(value_field):
                fill_message(item, items[key], place, problems)
            else:
                items[key] = scalars.from_json(value_field, item)
        except ValueError as error:
            problems.add(place, str(error))


def _fill_time(name: str, value: Any, into: Message, path: str, problems: Problems) -> None:
    if not isinstance(value, str):
        problems.add(path, "must be a string")
        return
    problems.attempt(path, partial(_TIMES[name], value, into))


def _fill_well_known(name: str, value: Any, into: Any, path: str, problems: Problems) -> None:
    if name in wellknown.WRAPPERS:
        fill_field(descriptor_of(into).fields_by_name["value"], value, into, path, problems)
    elif name in _FREE_FORM and isinstance(value, _FREE_FORM[name][0]):
        problems.attempt(path, partial(_FREE_FORM[name][1], value, into))
    elif name == "google.protobuf.Empty" and value == {}:
        return
    else:
        problems.add(path, "must be an array" if name.endswith("ListValue") else "must be an object")
