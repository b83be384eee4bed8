"""Rate limits by route and client, told in the RateLimit fields (IETF draft-ietf-httpapi-ratelimit-headers-11)."""

import ipaddress
import math
from collections.abc import Awaitable
from functools import lru_cache
from typing import Protocol

from services.gateway.limits.counts import Counts, Outcome
from services.gateway.limits.gcra import Decision, Limit, Rule
from services.gateway.pipeline.exchange import Answer, Exchange, Handler
from services.gateway.transcoding.catalog import Policy
from services.kit.errors import TooManyRequests

NEAR = 5  # less than this part of the quota left is near the limit


class Limiter(Protocol):
    """Counts requests by key."""

    @property
    def counts(self) -> Counts:
        """How the limits are used."""
        ...

    def decide(self, rule: Rule, subject: str) -> Decision | None:
        """Count one request if that can be done at once."""
        ...

    async def ask(self, rule: Rule, subject: str) -> Decision:
        """Count one request that could not be decided at once."""
        ...


class RateLimit:
    """Enforces a route's rate for each user, or each address where nobody is signed in.

    factor: scales all rates.
    shadow: count and tell, but let everything pass.
    """

    def __init__(self, handler: Handler, limiter: Limiter, factor: float, *, shadow: bool = False) -> None:
        self._next = handler
        self._limiter = limiter
        self._factor = factor
        self._shadow = shadow
        self._rules: dict[str, Rule] = {}

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on if the quota allows. Raises TooManyRequests."""
        route = exchange.route
        if route is None or route.policy is None:
            return self._next(exchange)
        rule = self._rule(route.name, route.policy)
        kind, subject = subject_of(exchange)
        decision = self._limiter.decide(rule, f"{kind}:{subject}")
        if decision is None:
            return self._asked(exchange, rule, kind, subject)
        self._enforce(exchange, rule, kind, decision)
        return self._next(exchange)

    async def _asked(self, exchange: Exchange, rule: Rule, kind: str, subject: str) -> Answer:
        self._enforce(exchange, rule, kind, await self._limiter.ask(rule, f"{kind}:{subject}"))
        return await self._next(exchange)

    def _enforce(self, exchange: Exchange, rule: Rule, kind: str, decision: Decision) -> None:
        exchange.answer_headers += fields(kind, rule.limit, decision)
        self._limiter.counts.add(rule.name, self._outcome(rule, decision))
        if not decision.allowed and not self._shadow:
            limit = rule.limit
            raise TooManyRequests(
                f"more than {limit.count} requests in {limit.seconds} seconds", retry_after=decision.retry_after
            )

    def _rule(self, name: str, policy: Policy) -> Rule:
        rule = self._rules.get(name)
        if rule is None:
            rule = self._rules[name] = Rule(name, scaled(policy, self._factor), policy.fail_closed)
        return rule

    def _outcome(self, rule: Rule, decision: Decision) -> Outcome:
        if decision.allowed:
            return Outcome.NEAR if decision.remaining * NEAR < rule.limit.count else Outcome.HIT
        return Outcome.SHADOW if self._shadow else Outcome.OVER


def scaled(policy: Policy, factor: float) -> Limit:
    """The limit of a policy, times the factor; at least one request."""
    return Limit(max(1, round(policy.rate.count * factor)), policy.rate.seconds)


def subject_of(exchange: Exchange) -> tuple[str, str]:
    """Whose quota counts: the user's, else the address's."""
    if exchange.caller.user_id:
        return "user", exchange.caller.user_id
    return "ip", network_of(exchange.client_ip)


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


def fields(kind: str, limit: Limit, decision: Decision) -> list[tuple[bytes, bytes]]:
    """The two fields: lists of one structured-field item (RFC 9651) each."""
    return [
        policy_field(kind, limit),
        (b"ratelimit", f'"{kind}";r={decision.remaining};t={math.ceil(decision.reset)}'.encode()),
    ]


@lru_cache(maxsize=1024)
def policy_field(kind: str, limit: Limit) -> tuple[bytes, bytes]:
    """The field that says what the quota is."""
    return b"ratelimit-policy", f'"{kind}";q={limit.count};w={limit.seconds}'.encode()
