"""What the code asks of protobuf descriptors, with types that the checker believes."""

from typing import cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message


def descriptor_of(message: Message) -> Descriptor:
    """The type of a message."""
    return cast("Descriptor", message.DESCRIPTOR)


def is_message(field: FieldDescriptor) -> bool:
    """Whether a field holds messages (or is a map)."""
    return field.message_type is not None


def message_type(field: FieldDescriptor) -> Descriptor:
    """The message type of a field that holds messages."""
    return cast("Descriptor", field.message_type)


def enum_type(field: FieldDescriptor) -> EnumDescriptor:
    """The type of an enum field."""
    return cast("EnumDescriptor", field.enum_type)


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map."""
    return field.is_repeated and is_message(field) and message_type(field).GetOptions().map_entry


def map_fields(field: FieldDescriptor) -> tuple[FieldDescriptor, FieldDescriptor]:
    """The key and the value of a map field."""
    entry = message_type(field).fields_by_name
    return entry["key"], entry["value"]


def find_field(message: Descriptor, path: str) -> FieldDescriptor:
    """The field that a dotted path names. Raises ValueError when there is none."""
    *parents, last = path.split(".")
    for parent in parents:
        step = message.fields_by_name.get(parent)
        if step is None or step.is_repeated or not is_message(step):
            raise ValueError(f"{message.full_name} has no message field {parent!r}")
        message = message_type(step)
    field = message.fields_by_name.get(last)
    if field is None:
        raise ValueError(f"{message.full_name} has no field {last!r}")
    return field
