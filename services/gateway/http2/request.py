"""What the header fields of a request mean, and which requests are refused.

libnghttp2 has refused before what RFC 9113 section 8 calls malformed. Refused here: what it lets pass and the server
or an application could understand in two ways.
"""

from collections.abc import Sequence
from urllib.parse import unquote

from services.gateway.http2.limits import Limits

Header = tuple[bytes, bytes]

FIELD_OVERHEAD = 32  # RFC 9113 section 6.5.2
SPECIAL = frozenset({b":method", b":path", b":authority", b":scheme", b":protocol", b"host", b"cookie"})
SCHEMES = frozenset({b"http", b"https"})
CONNECT = (b":method", b"CONNECT")
HEAD = (b":method", b"HEAD")


class Refused(Exception):
    """A request that the engine answers itself."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Request:
    """A request's head."""

    __slots__ = ("headers", "method", "path", "protocol", "query", "raw_path")

    def __init__(self, fields: Sequence[Header], limits: Limits) -> None:
        """Raises Refused."""
        special, headers, size = _sort(fields)
        check_size(len(headers), size, limits)
        self.protocol = special.get(b":protocol")
        self.method = special[b":method"].decode("latin-1")
        if not self.method.isupper():  # `get` is another method than `GET` (RFC 9110 section 9.1)
            raise Refused(400, "the method is not in upper case")
        if self.method == "CONNECT" and self.protocol != b"websocket":
            raise Refused(501, "CONNECT is for WebSockets only")
        if self.protocol is not None and self.method != "CONNECT":
            raise Refused(400, "a protocol comes with CONNECT only")
        if special[b":scheme"] not in SCHEMES:
            raise Refused(400, "the scheme is neither http nor https")
        self.raw_path, self.path, self.query = split_target(special[b":path"])
        headers[0] = (b"host", _host(special))
        self.headers = headers

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name."""
        return next((value for key, value in self.headers if key == name), None)


def _sort(fields: Sequence[Header]) -> tuple[dict[bytes, bytes], list[Header], int]:
    """The fields with a meaning here, the others after a place for the host, and the size of all."""
    special: dict[bytes, bytes] = {}
    headers: list[Header] = [(b"host", b"")]
    size = 0
    for field in fields:
        name, value = field
        size += len(name) + len(value) + FIELD_OVERHEAD
        if name in SPECIAL:
            # Cookies come in crumbs, which no application expects (RFC 9113 section 8.2.3).
            special[name] = special[name] + b"; " + value if name in special else value
        elif b"_" in name:
            raise Refused(400, "header names with an underscore are not accepted")
        else:
            headers.append(field)
    if b"cookie" in special:
        headers.append((b"cookie", special[b"cookie"]))
    return special, headers, size


def check_size(fields: int, size: int, limits: Limits) -> None:
    """`size` as RFC 9113 section 6.5.2 counts. Raises Refused."""
    if fields > limits.header_fields or size > limits.header_bytes:
        most = f"{limits.header_fields} fields and {limits.header_bytes} bytes"
        raise Refused(431, f"the header fields are more than {most}")


def split_target(target: bytes) -> tuple[bytes, str, bytes]:
    """The raw path, the decoded path and the query. Raises Refused."""
    if not target.isascii() or b"#" in target:
        raise Refused(400, "the path is not one of RFC 3986")
    path, _, query = target.partition(b"?")
    text = path.decode("ascii")
    return path, unquote(text) if b"%" in path else text, query


def _host(special: dict[bytes, bytes]) -> bytes:
    authority, host = special.get(b":authority"), special.get(b"host")
    if authority is None:
        return host or b""
    if host is not None and host.lower() != authority.lower():
        raise Refused(400, "host and :authority differ")
    return authority
