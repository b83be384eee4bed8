"""Who is at the other end: the peer's address, or what trusted proxies in front of us say it was."""

import ipaddress
import re
from collections.abc import Awaitable

from services.gateway.pipeline.exchange import Answer, Exchange, Handler

_V4, _V6 = r"([0-9.]+)", r"([0-9A-Fa-f]*:[0-9A-Fa-f:.]*)(?:%[!-Z^-~]+)?"  # of IPv6 with a zone, perhaps
_PORT = r"(?::[0-9]{1,5})?"
_WRITTEN = re.compile(rf"{_V4}{_PORT}|{_V6}|\[{_V6}\]{_PORT}")


class ClientIdentity:
    """Finds the client's address and scheme. Headers count only as far as `trusted_hops` proxies have written them."""

    def __init__(self, handler: Handler, trusted_hops: int) -> None:
        self._next = handler
        self._trusted_hops = trusted_hops

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on with its client's address."""
        hops = self._trusted_hops
        exchange.client_ip = exchange.peer
        if hops:
            exchange.client_ip = client_address(exchange.peer, exchange.text(b"x-forwarded-for"), hops)
            exchange.secure = exchange.secure or arrived_by_tls(exchange.text(b"x-forwarded-proto"), hops)
        return self._next(exchange)


def client_address(peer: str, forwarded_for: str, trusted_hops: int) -> str:
    """The address that the outermost trusted proxy saw, without port and zone.

    The peer's when X-Forwarded-For is absent or holds something else there: a client that a proxy hides, or invents,
    gets no quota of its own.
    """
    match = _WRITTEN.fullmatch(_believed(forwarded_for, trusted_hops))
    if match is None:
        return peer
    try:
        return str(ipaddress.ip_address(match[match.lastindex or 0]))
    except ValueError:
        return peer


def arrived_by_tls(forwarded_proto: str, trusted_hops: int) -> bool:
    """Whether the outermost trusted proxy was called over TLS, as X-Forwarded-Proto says."""
    return _believed(forwarded_proto, trusted_hops).lower() in ("https", "wss")


def _believed(header: str, trusted_hops: int) -> str:
    """What the outermost trusted proxy has added to a list; empty when none is trusted."""
    return header.split(",")[-trusted_hops:][0].strip() if trusted_hops else ""
