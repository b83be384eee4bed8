"""What Hypercorn cannot read of a WebSocket's handshake, over either protocol, and would leave unanswered."""

from collections.abc import Iterable

from wsproto.extensions import PerMessageDeflate
from wsproto.handshake import server_extensions_handshake
from wsproto.utilities import split_comma_header

from services.gateway.http2.request import Header, Refused

EXTENSIONS = b"sec-websocket-extensions"
LISTS = frozenset({b"connection", b"sec-websocket-protocol", EXTENSIONS})


def check_handshake(headers: Iterable[Header]) -> None:
    """Raises Refused for a list that is not ASCII, and for window bits that are no number (RFC 7692 section 7.1.2)."""
    for name, value in headers:
        if name in LISTS:
            try:
                _read(name, value)
            except ValueError:
                raise Refused(400, f"{name.decode()} is malformed") from None


def _read(name: bytes, value: bytes) -> None:
    members = split_comma_header(value)
    if name == EXTENSIONS:
        server_extensions_handshake(members, [PerMessageDeflate()])
