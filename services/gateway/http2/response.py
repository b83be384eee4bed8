"""The header fields of answers."""

import json
from collections.abc import Iterable
from http import HTTPStatus

Header = tuple[bytes, bytes]

# What HTTP/2 has other means for (RFC 9113 section 8.2.2); applications written for HTTP/1.1 send it all the same.
CONNECTION_FIELDS = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
ILLEGAL_IN_VALUES = b"\x00\r\n"
ILLEGAL_IN_NAMES = bytes({*range(33), 127, *b'"(),/:;<=>?@[\\]{}'})
BODILESS = frozenset({204, 205, 304})
STATUSES = {status: (b":status", b"%d" % status) for status in range(100, 600)}
MOST_NAMES = 1000

_names: dict[bytes, bytes] = {}  # by what applications write: the name as it is sent; empty: it is not sent
_plain: dict[bytes, bytes] = {}  # those that are sent


def head(status: int, headers: Iterable[Header], common: Iterable[Header] = ()) -> list[Header]:
    """The fields of an answer as they are sent. Raises ValueError for what would be malformed."""
    fields = [STATUSES[status]]
    fields += checked(headers)
    fields += common
    return fields


def checked(headers: Iterable[Header]) -> list[Header]:
    """Header fields in lower case, without those of HTTP/1.1's connections. Raises ValueError."""
    headers = list(headers)
    try:
        fields = [(_plain[name], value.strip()) for name, value in headers]
        values = b"".join([value for _, value in fields])
    except (KeyError, TypeError, AttributeError):  # a name that is new or not sent, or values of other types
        return _checked_one_by_one(headers)
    if len(values.translate(None, ILLEGAL_IN_VALUES)) != len(values):
        return _checked_one_by_one(headers)
    return fields


def _checked_one_by_one(headers: Iterable[Header]) -> list[Header]:
    fields = []
    for written, value in headers:
        name = _names.get(written)
        if name is None:
            name = _learn(bytes(written))
        if value.__class__ is not bytes:
            value = bytes(value)
        if len(value.translate(None, ILLEGAL_IN_VALUES)) != len(value):
            raise ValueError(f"header {name!r} holds a line break or a null byte")
        if name:
            fields.append((name, value.strip()))
    return fields


def refusal(status: int, detail: str) -> tuple[list[Header], bytes]:
    """The headers and body with which the engine itself refuses a request: a problem of RFC 9457."""
    body = json.dumps({"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail})
    return [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))], body.encode()


def _learn(written: bytes) -> bytes:
    name = written.strip().lower()
    if not name or len(name.translate(None, ILLEGAL_IN_NAMES)) != len(name):
        raise ValueError(f"{written!r} is not a header name")
    name = b"" if name in CONNECTION_FIELDS else name
    if len(_names) < MOST_NAMES:
        _names[written] = name
        if name:
            _plain[written] = name
    return name
