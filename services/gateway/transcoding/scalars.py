"""Single values from the outside: the text of a path or query, or a value out of JSON.

Every function raises ValueError with a message that follows the field's name: "must be a whole number".
"""

import base64
import binascii
import math
import re
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from services.gateway.transcoding.reflection import enum_type

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?", re.ASCII)

RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
WIDE = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
_FLOATS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
LARGEST_FLOAT = 3.4028234663852886e38  # of 32 bits
_BOOLS = {"true": True, "false": False}


def from_text(field: FieldDescriptor, text: str) -> Any:
    """The value of a scalar or enum field, given in a path or a query."""
    if field.cpp_type in RANGES:
        return _in_range(field, _whole_number(text))
    if field.cpp_type in _FLOATS:
        return _finite(field, text)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if text not in _BOOLS:
            raise ValueError("must be true or false")
        return _BOOLS[text]
    return _text_like(field, text)


def from_json(field: FieldDescriptor, value: Any) -> Any:
    """The value of a scalar or enum field, given in JSON."""
    if field.cpp_type in RANGES:
        return _in_range(field, _json_integer(field, value))
    if field.cpp_type in _FLOATS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("must be a number")
        return _finite(field, value)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return _text_like(field, value)


def _text_like(field: FieldDescriptor, text: str) -> Any:
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return _enum_number(field, text)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _base64(text)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must be valid Unicode")
    return text


def _whole_number(text: str) -> int:
    if _WHOLE_NUMBER.fullmatch(text) is None:
        raise ValueError("must be a whole number")
    return int(text)


def _json_integer(field: FieldDescriptor, value: Any) -> int:
    if isinstance(value, str) and field.cpp_type in WIDE:  # how canonical protobuf JSON writes 64-bit integers
        return _whole_number(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    return value


def _in_range(field: FieldDescriptor, number: int) -> int:
    low, high = RANGES[field.cpp_type]
    if not low <= number <= high:
        raise ValueError(f"must be between {low} and {high}")
    return number


def _finite(field: FieldDescriptor, value: str | float) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value) is None:
        raise ValueError("must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    largest = LARGEST_FLOAT if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT else math.inf
    if not math.isfinite(number) or abs(number) > largest:
        raise ValueError("is too large")
    return number


def _enum_number(field: FieldDescriptor, name: str) -> int:
    values = enum_type(field).values_by_name
    if name not in values:
        raise ValueError(f"must be one of {', '.join(values)}")
    return int(values[name].number)


def _base64(text: str) -> bytes:
    padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64") from None
