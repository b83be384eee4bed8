"""What is wrong with the fields of a request."""

import re
from collections.abc import Sequence

import msgspec
from cryptovault.realtime.v1.cluster_pb2 import SocketFilter
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from services.kit.errors import FieldError, InvalidInput
from services.realtime.domain.channels import InvalidChannel, parse
from services.realtime.domain.packets import fault_of_event_name

MAX_DATA_BYTES = 64 * 1024
MAX_CHANNELS = 200

_USER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check(*faults: FieldError | None) -> None:
    """Raises InvalidInput with the faults, if there are any."""
    found = tuple(fault for fault in faults if fault is not None)
    if found:
        raise InvalidInput("the request is not valid", fields=found)


def fault_of_user_id(user_id: str) -> FieldError | None:
    """An id that cannot be part of a subject is none."""
    return None if _USER_ID.fullmatch(user_id) else FieldError("user_id", "is not a user's id")


def fault_of_event(event: str) -> FieldError | None:
    """A name that clients could not tell from their own."""
    fault = fault_of_event_name(event)
    return FieldError("event", fault) if fault else None


def fault_of_channel(channel: str, field: str = "channel") -> FieldError | None:
    """A name that names no channel."""
    try:
        parse(channel)
    except InvalidChannel as error:
        return FieldError(field, str(error))
    return None


def fault_of_channels(channels: Sequence[str]) -> FieldError | None:
    """No channel at all, too many, or the first that is none."""
    if not 1 <= len(channels) <= MAX_CHANNELS:
        return FieldError("channels", f"names between 1 and {MAX_CHANNELS} channels")
    faults = (fault_of_channel(name, f"channels[{index}]") for index, name in enumerate(channels))
    return next((fault for fault in faults if fault is not None), None)


def fault_of_range(field: str, value: int, most: int) -> FieldError | None:
    """A number below nought, which stands for the default, or above the most."""
    return None if 0 <= value <= most else FieldError(field, f"is between 1 and {most}")


def fault_of_filter(sockets: SocketFilter) -> FieldError | None:
    """Nothing given would mean everybody, which is too easily said."""
    return None if sockets.ListFields() else FieldError("sockets", "must say which sockets are meant")


def json_of(data: Struct) -> bytes:
    """What an event carries, as JSON. Raises InvalidInput."""
    try:
        encoded = msgspec.json.encode(json_format.MessageToDict(data))
    except json_format.Error:
        raise InvalidInput("the request is not valid", fields=(FieldError("data", "holds no valid JSON"),)) from None
    if len(encoded) > MAX_DATA_BYTES:
        check(FieldError("data", f"has at most {MAX_DATA_BYTES} bytes as JSON"))
    return encoded
