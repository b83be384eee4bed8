"""The bytes of answers (RFC 9112 sections 4 and 7)."""

from collections.abc import Iterable
from http import HTTPStatus

from services.gateway.http2 import response
from services.gateway.http2.response import Header

_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def head(status: int, fields: Iterable[Header]) -> bytes:
    """A status line and fields, which were checked."""
    line = _LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    return b"%b%b\r\n" % (line, b"".join([b"%b: %b\r\n" % field for field in fields]))


def chunk(data: bytes) -> bytes:
    """A part of a body in chunks; nothing is nothing, since an empty chunk would be the end."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def refusal(status: int, detail: str, common: Iterable[Header]) -> bytes:
    """The whole answer with which a connection ends: a problem of RFC 9457."""
    headers, body = response.refusal(status, detail)
    return head(status, [*headers, *common, (b"connection", b"close")]) + body
