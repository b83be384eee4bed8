"""The compiled encoders agree with protobuf's own JSON, but for the differences that are meant."""

from typing import Any

from google.protobuf import (
    descriptor_pb2,
    duration_pb2,
    json_format,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pool import DescriptorPool
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.transcoding.encoding import Encoders

KINDS = {
    "d": Field.TYPE_DOUBLE,
    "f": Field.TYPE_FLOAT,
    "i32": Field.TYPE_INT32,
    "i64": Field.TYPE_INT64,
    "u32": Field.TYPE_UINT32,
    "u64": Field.TYPE_UINT64,
    "flag": Field.TYPE_BOOL,
    "text": Field.TYPE_STRING,
    "raw": Field.TYPE_BYTES,
}
WELL_KNOWN = {
    "moment": "google.protobuf.Timestamp",
    "span": "google.protobuf.Duration",
    "object": "google.protobuf.Struct",
    "wrapped": "google.protobuf.Int32Value",
}


def build() -> Any:
    """A message type with a field of every kind: single, repeated, in a map, and holding itself."""
    file = descriptor_pb2.FileDescriptorProto(name="every.proto", package="every", syntax="proto3")
    message = file.message_type.add(name="Every")
    for name, kind in KINDS.items():
        message.field.add(name=name, number=len(message.field) + 1, type=kind, label=Field.LABEL_OPTIONAL)
        message.field.add(name=f"{name}s", number=len(message.field) + 1, type=kind, label=Field.LABEL_REPEATED)
    for name, kind_name in WELL_KNOWN.items():
        add_message(message, name, f".{kind_name}", Field.LABEL_OPTIONAL)
    add_message(message, "child", ".every.Every", Field.LABEL_OPTIONAL)
    add_message(message, "children", ".every.Every", Field.LABEL_REPEATED)
    add_map(message, "counts", Field.TYPE_STRING, Field.TYPE_UINT32)
    add_map(message, "switches", Field.TYPE_BOOL, Field.TYPE_STRING)
    pool = DescriptorPool()
    for known in (timestamp_pb2, duration_pb2, struct_pb2, wrappers_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
        file.dependency.append(known.DESCRIPTOR.name)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("every.Every"))


def add_message(message: Any, name: str, kind: str, label: Any) -> None:
    number = len(message.field) + 1
    message.field.add(name=name, number=number, type=Field.TYPE_MESSAGE, type_name=kind, label=label)


def add_map(message: Any, name: str, key: Any, value: Any) -> None:
    entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=key, label=Field.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=value, label=Field.LABEL_OPTIONAL)
    add_message(message, name, f".every.Every.{entry.name}", Field.LABEL_REPEATED)


EVERY = build()
ENCODE = Encoders().encoder(EVERY.DESCRIPTOR)

values = {
    "d": st.floats(),
    "f": st.floats(width=32),
    "i32": st.integers(-(2**31), 2**31 - 1),
    "i64": st.integers(-(2**63), 2**63 - 1),
    "u32": st.integers(0, 2**32 - 1),
    "u64": st.integers(0, 2**64 - 1),
    "flag": st.booleans(),
    "text": st.text(),
    "raw": st.binary(),
}
plain = st.fixed_dictionaries(
    {},
    optional={
        **values,
        **{f"{name}s": st.lists(value, max_size=3) for name, value in values.items()},
        "counts": st.dictionaries(st.text(), st.integers(0, 9), max_size=3),
        "switches": st.dictionaries(st.booleans(), st.text(), max_size=2),
        "moment": st.builds(timestamp_pb2.Timestamp, seconds=st.integers(0, 10**10), nanos=st.integers(0, 999_999_999)),
        "span": st.builds(duration_pb2.Duration, seconds=st.integers(0, 10**6), nanos=st.integers(0, 999_999_999)),
        "wrapped": st.builds(wrappers_pb2.Int32Value, value=st.integers(-5, 5)),
    },
)


def make(fields: dict[str, Any]) -> Any:
    message = EVERY()
    for name, value in fields.items():
        if name in WELL_KNOWN:
            getattr(message, name).MergeFromString(value.SerializeToString())
            getattr(message, name).SetInParent()
        elif isinstance(value, list):
            getattr(message, name).extend(value)
        elif isinstance(value, dict):
            getattr(message, name).update(value)
        else:
            setattr(message, name, value)
    return message


def expected(message: Any) -> Any:
    """What protobuf's own writer says, with the differences that are meant."""
    answer = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return with_differences(message, answer)


def with_differences(message: Any, answer: dict[str, Any]) -> dict[str, Any]:
    for name in ("i64", "u64"):
        answer[name] = number_if_safe(answer[name])
        answer[f"{name}s"] = [number_if_safe(item) for item in answer[f"{name}s"]]
    for name in (*WELL_KNOWN, "child"):
        answer.setdefault(name, None)
    if answer["child"] is not None:
        with_differences(message.child, answer["child"])
    for child, written in zip(message.children, answer["children"], strict=True):
        with_differences(child, written)
    return answer


def number_if_safe(text: str) -> int | str:
    return int(text) if abs(int(text)) < 2**53 else text


@settings(max_examples=60, deadline=None)
@given(plain, st.none() | plain, st.lists(plain, max_size=2))
def test_every_message_is_written_as_protobuf_would(top: Any, child: Any, children: Any) -> None:
    message = make(top)
    if child is not None:
        message.child.CopyFrom(make(child))
    message.children.extend(make(item) for item in children)
    assert ENCODE(message) == expected(message)


def test_a_struct_is_written_as_the_object_that_it_is() -> None:
    message = EVERY()
    message.object.update({"a": [1, {"b": None}], "c": "d", "e": True})
    assert ENCODE(message)["object"] == {"a": [1.0, {"b": None}], "c": "d", "e": True}
