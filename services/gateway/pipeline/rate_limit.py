"""Rate limits by route and client, told in the RateLimit fields (IETF draft-ietf-httpapi-ratelimit-headers-11)."""

import ipaddress
import math
from typing import Protocol

from services.gateway.limits.gcra import Decision, Limit
from services.gateway.pipeline.exchange import Answer, Exchange, Handler
from services.gateway.transcoding.catalog import Policy
from services.kit.errors import TooManyRequests


class Limiter(Protocol):
    """Counts requests by key."""

    async def check(self, key: str, limit: Limit, *, strict: bool) -> Decision:
        """Count one request."""
        ...


class RateLimit:
    """Enforces a route's rate for each user, or each address where nobody is signed in. `factor` scales all rates."""

    def __init__(self, handler: Handler, limiter: Limiter, factor: float) -> None:
        self._next = handler
        self._limiter = limiter
        self._factor = factor

    async def __call__(self, exchange: Exchange) -> Answer:
        """Pass the exchange on if the quota allows. Raises TooManyRequests."""
        route = exchange.route
        if route is None or route.policy is None:
            return await self._next(exchange)
        limit = scaled(route.policy, self._factor)
        kind, subject = subject_of(exchange)
        decision = await self._limiter.check(f"{route.name}:{kind}:{subject}", limit, strict=route.policy.fail_closed)
        exchange.answer_headers += fields(kind, limit, decision)
        if not decision.allowed:
            raise TooManyRequests(
                f"more than {limit.count} requests in {limit.seconds} seconds", retry_after=decision.retry_after
            )
        return await self._next(exchange)


def scaled(policy: Policy, factor: float) -> Limit:
    """The limit of a policy, times the factor; at least one request."""
    return Limit(max(1, round(policy.rate.count * factor)), policy.rate.seconds)


def subject_of(exchange: Exchange) -> tuple[str, str]:
    """Whose quota counts: the user's, else the address's. One IPv6 customer has a /64, so that is what counts."""
    if exchange.caller.user_id:
        return "user", exchange.caller.user_id
    try:
        address = ipaddress.ip_address(exchange.client_ip)
    except ValueError:
        return "ip", exchange.client_ip
    if address.version == 6 and address.ipv4_mapped is not None:
        return "ip", str(address.ipv4_mapped)
    if address.version == 6:
        return "ip", str(ipaddress.ip_network((address, 64), strict=False))
    return "ip", str(address)


def fields(kind: str, limit: Limit, decision: Decision) -> list[tuple[bytes, bytes]]:
    """The two fields: lists of one structured-field item (RFC 9651) each."""
    return [
        (b"ratelimit-policy", f'"{kind}";q={limit.count};w={limit.seconds}'.encode()),
        (b"ratelimit", f'"{kind}";r={decision.remaining};t={math.ceil(decision.reset)}'.encode()),
    ]
