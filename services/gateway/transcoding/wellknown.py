"""The JSON forms of protobuf's well-known types: Timestamp, Duration, Struct and the wrappers."""

import datetime
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

NANOS = 1_000_000_000
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_EPOCH = datetime.datetime(1970, 1, 1)
_MAX_DURATION = 315_576_000_000  # seconds


def encode_timestamp(value: Any) -> str:
    """RFC 3339 in UTC, with 0, 3, 6 or 9 fractional digits."""
    return f"{_date_and_time(value.seconds)}{_fraction(value.nanos)}Z"


def encode_duration(value: Any) -> str:
    """Seconds with an "s", such as "1.500s"."""
    seconds, nanos = value.seconds, value.nanos
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def encode_struct(value: Any) -> dict[str, Any]:
    """A JSON object, in the order of its keys."""
    return {key: encode_value(item) for key, item in sorted(value.fields.items())}


def encode_list(value: Any) -> list[Any]:
    """A JSON array."""
    return [encode_value(item) for item in value.values]


def encode_value(value: Any) -> Any:
    """Any JSON value."""
    kind = value.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    if kind == "struct_value":
        return encode_struct(value.struct_value)
    if kind == "list_value":
        return encode_list(value.list_value)
    return getattr(value, kind)


WRAPPERS = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)

ENCODERS: dict[str, Callable[[Any], Any]] = {
    "google.protobuf.Timestamp": encode_timestamp,
    "google.protobuf.Duration": encode_duration,
    "google.protobuf.Struct": encode_struct,
    "google.protobuf.Value": encode_value,
    "google.protobuf.ListValue": encode_list,
}


@lru_cache(maxsize=4096)
def _date_and_time(seconds: int) -> str:
    return (_EPOCH + datetime.timedelta(seconds=seconds)).isoformat(timespec="seconds")


def _fraction(nanos: int) -> str:
    if nanos == 0:
        return ""
    digits = f".{nanos:09d}"
    if nanos % 1_000_000 == 0:
        return digits[:4]
    return digits[:7] if nanos % 1000 == 0 else digits


def decode_timestamp(text: str, into: Any) -> None:
    """Fill a Timestamp from RFC 3339. Raises ValueError."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError("must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second)
        into.seconds = (moment - _offset(match) - _EPOCH) // datetime.timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise ValueError("is not a time that exists") from None
    into.nanos = int((match[7] or "").ljust(9, "0"))


def _offset(match: re.Match[str]) -> datetime.timedelta:
    if match[8] is None:
        return datetime.timedelta()
    if int(match[9]) > 23 or int(match[10]) > 59:
        raise ValueError("offset")
    offset = datetime.timedelta(hours=int(match[9]), minutes=int(match[10]))
    return -offset if match[8] == "-" else offset


def decode_duration(text: str, into: Any) -> None:
    """Fill a Duration from seconds with an "s". Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None or int(match[2]) > _MAX_DURATION:
        raise ValueError("must be seconds followed by s, such as 1.5s")
    sign = -1 if match[1] else 1
    into.seconds, into.nanos = sign * int(match[2]), sign * int((match[3] or "").ljust(9, "0"))


def decode_struct(value: dict[str, Any], into: Any) -> None:
    """Fill a Struct from a JSON object. Raises ValueError."""
    into.Clear()
    for key, item in value.items():
        decode_value(item, into.fields[key])


def decode_list(value: list[Any], into: Any) -> None:
    """Fill a ListValue from a JSON array. Raises ValueError."""
    for item in value:
        decode_value(item, into.values.add())


def decode_value(value: Any, into: Any) -> None:
    """Fill a Value from any JSON value. Raises ValueError."""
    if value is None:
        into.null_value = 0
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int | float):
        try:
            into.number_value = value
        except OverflowError:
            raise ValueError("holds a number that is too large") from None
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, dict):
        into.struct_value.SetInParent()
        decode_struct(value, into.struct_value)
    else:
        into.list_value.SetInParent()
        decode_list(value, into.list_value)
