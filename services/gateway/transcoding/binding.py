"""Path and query parameters to fields of the request message."""

from collections.abc import Sequence
from functools import partial
from urllib.parse import unquote_to_bytes

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from services.gateway.transcoding import scalars, wellknown
from services.gateway.transcoding.decoding import Problems
from services.gateway.transcoding.reflection import descriptor_of, find_field, is_map, is_message, message_type

MAX_PARAMETERS = 256


def parse_query(query: bytes, problems: Problems) -> list[tuple[str, str]]:
    """The parameters of a query string (WHATWG application/x-www-form-urlencoded), in order."""
    parts = [part for part in query.split(b"&") if part]
    if len(parts) > MAX_PARAMETERS:
        problems.add("query", f"holds more than {MAX_PARAMETERS} parameters")
        return []
    parameters = []
    for part in parts:
        name, _, value = part.partition(b"=")
        if not name:
            problems.add("query", "holds a value without a name")
            continue
        try:
            parameters.append((_decode(name), _decode(value)))
        except UnicodeDecodeError:
            problems.add(name.decode("ascii", "replace"), "must be UTF-8")
    return parameters


def _decode(raw: bytes) -> str:
    if b"%" not in raw and b"+" not in raw:
        return raw.decode()
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode()


def bind_path(into: Message, fields: Sequence[str], values: Sequence[str], problems: Problems) -> None:
    """Set the fields that the path names."""
    for path, text in zip(fields, values, strict=True):
        problems.attempt(path, partial(_set, into, path, text))


def bind_query(into: Message, parameters: Sequence[tuple[str, str]], taken: frozenset[str], problems: Problems) -> None:
    """Set the fields that the query names; repeated fields may come several times, nested ones have dots."""
    seen: set[str] = set()
    for name, text in parameters:
        try:
            field = find_field(descriptor_of(into), name)
        except ValueError:
            problems.add(name, "is not known here")
            continue
        if name in taken or name.partition(".")[0] in taken:
            problems.add(name, "is given by the path or the body already")
        elif name in seen and not field.is_repeated:
            problems.add(name, "is given more than once")
        else:
            problems.attempt(name, partial(_set, into, name, text))
        seen.add(name)


def _set(into: Message, path: str, text: str) -> None:
    """Set one field from text. Raises ValueError."""
    field = find_field(descriptor_of(into), path)
    *parents, name = path.split(".")
    for parent in parents:
        into = getattr(into, parent)
    if is_message(field):
        _set_message(field, getattr(into, name), text)
    elif field.is_repeated:
        getattr(into, name).append(scalars.from_text(field, text))
    else:
        setattr(into, name, scalars.from_text(field, text))


def _set_message(field: FieldDescriptor, into: Message, text: str) -> None:
    kind = message_type(field).full_name
    if is_map(field) or field.is_repeated:
        raise ValueError("cannot be given in a query")
    if kind == "google.protobuf.Timestamp":
        wellknown.decode_timestamp(text, into)
    elif kind == "google.protobuf.Duration":
        wellknown.decode_duration(text, into)
    elif kind in wellknown.WRAPPERS:
        _set(into, "value", text)
    else:
        raise ValueError("must be given by its fields, with a dot between the names")
