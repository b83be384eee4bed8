"""Who is at the other end: the peer's address, or what trusted proxies in front of us say it was."""

import ipaddress
from collections.abc import Awaitable
from functools import lru_cache

from services.gateway.pipeline.exchange import Answer, Exchange, Handler


class ClientIdentity:
    """Finds the client's address. X-Forwarded-For counts only as far as `trusted_hops` proxies have written it."""

    def __init__(self, handler: Handler, trusted_hops: int) -> None:
        self._next = handler
        self._trusted_hops = trusted_hops

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on with its client's address."""
        exchange.client_ip = exchange.peer
        if self._trusted_hops:
            exchange.client_ip = client_address(exchange.peer, exchange.text(b"x-forwarded-for"), self._trusted_hops)
            exchange.secure = exchange.secure or exchange.text(b"x-forwarded-proto") == "https"
        return self._next(exchange)


def client_address(peer: str, forwarded_for: str, trusted_hops: int) -> str:
    """The address that the outermost trusted proxy saw; the peer's when the header is absent or malformed."""
    if trusted_hops == 0 or not forwarded_for:
        return peer
    chain = [part.strip() for part in forwarded_for.split(",")][-trusted_hops:]
    try:
        return str(ipaddress.ip_address(chain[0].strip("[]")))
    except ValueError:
        return peer


@lru_cache(maxsize=10_000)
def network_of(address: str) -> str:
    """What of an address counts as one client: one IPv6 customer has a /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
