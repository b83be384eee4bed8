"""The head of a request (RFC 9112 sections 2 to 6): what it says, and which are refused."""

import re

from services.gateway.http2.limits import Limits
from services.gateway.http2.request import FIELD_OVERHEAD, Header, Refused, check_size, split_target

MAX_TARGET = 16 * 1024  # bytes
MAX_LENGTH_DIGITS = 18  # of a body's announced length
TOKEN = rb"[!#$%&'*+.^`|~0-9A-Za-z-]+"  # RFC 9110 section 5.6.2, less the underscore that CGI takes for a hyphen
VALUE = rb"[\t\x20-\x7e\x80-\xff]*"

_HEAD = re.compile(rb"([A-Z][A-Z0-9-]{0,31}) ([!-~]+) HTTP/1\.([01])\r\n((?:" + TOKEN + rb":" + VALUE + rb"\r\n)*)\r\n")
_REQUEST_LINE = re.compile(rb"[A-Z][A-Z0-9-]{0,31} [!-~]+ HTTP/(\d)\.(\d)")
_FIELD_LINE = re.compile(TOKEN + rb":" + VALUE)
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?")
_ABSOLUTE = re.compile(rb"(https?)://([^/?#]+)(.*)", re.IGNORECASE)

SPECIAL = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"})


class Head:
    """A request's head, understood."""

    __slots__ = (
        "chunked", "data", "expects_continue", "headers", "keep_alive", "length", "method", "path", "query", "raw_path",
        "version", "websocket",
    )  # fmt: skip

    def __init__(self, data: bytes, limits: Limits) -> None:
        """`data` ends with the empty line. Raises Refused."""
        match = _HEAD.fullmatch(data)
        if match is None:
            raise _fault(data)
        self.data = data
        method, target, minor, lines = match.groups()
        self.method = method.decode()
        self.version = "1.1" if minor == b"1" else "1.0"
        self.headers, special = _fields(lines)
        check_size(len(self.headers), len(lines) + FIELD_OVERHEAD * len(self.headers), limits)
        self.raw_path, self.path, self.query = self._target(target, special)
        self._frame(special)
        self._connect(special)

    @property
    def has_body(self) -> bool:
        """Whether anything follows the head."""
        return self.chunked or self.length > 0

    def _target(self, target: bytes, special: dict[bytes, list[bytes]]) -> tuple[bytes, str, bytes]:
        check_target(target)
        if self.method == "CONNECT":
            raise Refused(501, "CONNECT is not served")
        host = _host(special.get(b"host", []), self.version)
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is not None:
            if absolute[2].lower() != host.lower():
                raise Refused(400, "host and the request target differ")
            target = absolute[3] if absolute[3].startswith(b"/") else b"/" + absolute[3]
        if target == b"*" and self.method == "OPTIONS":
            return target, "*", b""
        if not target.startswith(b"/"):
            raise Refused(400, "the request target is not a path")
        return split_target(target)

    def _frame(self, special: dict[bytes, list[bytes]]) -> None:
        """How long the body is (RFC 9112 section 6.3), where there is one answer only."""
        lengths, codings = special.get(b"content-length", []), special.get(b"transfer-encoding", [])
        if lengths and codings:
            raise Refused(400, "content-length and transfer-encoding exclude each other")
        if len(lengths) > 1 or (lengths and not lengths[0].isdigit()) or len(b"".join(lengths)) > MAX_LENGTH_DIGITS:
            raise Refused(400, "content-length must be one whole number")
        if codings and (self.version == "1.0" or len(codings) > 1):
            raise Refused(400, "transfer-encoding must be chunked, once, in HTTP/1.1")
        if codings and codings[0].lower() != b"chunked":
            if codings[0].lower().rpartition(b",")[2].strip(b" \t") != b"chunked":
                raise Refused(400, "chunked must be the last transfer coding")
            raise Refused(501, "transfer codings other than chunked are not understood")
        self.chunked = bool(codings)
        self.length = int(lengths[0]) if lengths else 0

    def _connect(self, special: dict[bytes, list[bytes]]) -> None:
        """What becomes of the connection."""
        lines = special.get(b"connection", ())
        options = {option.strip().lower() for line in lines for option in line.split(b",")}
        self.keep_alive = b"close" not in options and (self.version == "1.1" or b"keep-alive" in options)
        upgrade = b",".join(special.get(b"upgrade", ())).lower()
        self.websocket = upgrade == b"websocket" and b"upgrade" in options and self.method == "GET"
        if self.websocket and len(lines) > 1:  # Hypercorn, which serves WebSockets, would heed the last line only
            raise Refused(400, "connection must be one line where a WebSocket is asked for")
        self.expects_continue = self.version == "1.1" and [value.lower() for value in special.get(b"expect", ())] == [
            b"100-continue"
        ]


def check_target(target: bytes | bytearray) -> None:
    """Raises Refused when it is longer than any that is served."""
    if len(target) > MAX_TARGET:
        raise Refused(414, f"the request target is longer than {MAX_TARGET} bytes")


def _fields(lines: bytes) -> tuple[list[Header], dict[bytes, list[bytes]]]:
    """All fields, in lower case, and those that have a meaning here."""
    headers: list[Header] = []
    special: dict[bytes, list[bytes]] = {}
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        headers.append((name, value))
        if name in SPECIAL:
            special.setdefault(name, []).append(value)
    return headers, special


def _host(hosts: list[bytes], version: str) -> bytes:
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise Refused(400, "there must be one host header")
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        raise Refused(400, "host is not a host and a port")
    return hosts[0] if hosts else b""


def _fault(data: bytes) -> Refused:
    """What is wrong with a head that the grammar does not know."""
    line, *fields = data[:-4].split(b"\r\n")
    request = _REQUEST_LINE.fullmatch(line)
    if request is None:
        return Refused(400, "the request line is not one of RFC 9112")
    if request[1] != b"1" or request[2] not in (b"0", b"1"):
        return Refused(505, "only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here")
    number = next((index for index, field in enumerate(fields, 1) if _FIELD_LINE.fullmatch(field) is None), 0)
    return Refused(400, f"header line {number} is not one of RFC 9112")
