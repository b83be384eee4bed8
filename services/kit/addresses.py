"""Who is at the other end: the peer, or who trusted proxies in front of us say it is; and what counts as one client."""

import ipaddress
import re
from functools import lru_cache

_V4, _V6 = r"([0-9.]+)", r"([0-9A-Fa-f]*:[0-9A-Fa-f:.]*)(?:%[!-Z^-~]+)?"  # of IPv6 with a zone, perhaps
_PORT = r"(?::[0-9]{1,5})?"
_WRITTEN = re.compile(rf"{_V4}{_PORT}|{_V6}|\[{_V6}\]{_PORT}")


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


@lru_cache(maxsize=10_000)
def network_of(address: str) -> str:
    """The network that counts as one client: of IPv6 a /64, which one customer has; "" for all that is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
