"""What Hypercorn cannot read of a WebSocket's handshake, over either protocol, and would leave unanswered."""

from collections.abc import Iterable

from services.gateway.http2.request import Header, Refused

LISTS = frozenset({b"connection", b"sec-websocket-protocol", b"sec-websocket-extensions"})


def check_handshake(headers: Iterable[Header]) -> None:
    """Raises Refused for a list that is not ASCII."""
    for name, value in headers:
        if name in LISTS and not value.isascii():
            raise Refused(400, f"{name.decode()} is malformed")
