"""Rate limits by route and client, or by an API key's tier.

They are told in the RateLimit fields (IETF draft-ietf-httpapi-ratelimit-headers-11).
"""

import math
from collections.abc import Awaitable, Mapping
from functools import lru_cache, partial
from typing import Protocol

from cryptovault.gateway.v1.policy_pb2 import Policy as Declared

from services.gateway.limits.counts import Counts, Outcome
from services.gateway.limits.gcra import Decision, Limit, Rule
from services.gateway.pipeline.exchange import Answer, Exchange, Handler, Header, Headers
from services.gateway.transcoding.catalog import Policy, Rate
from services.kit.addresses import network_of
from services.kit.errors import TooManyRequests

NEAR = 5  # less than this part of the quota left is near the limit
_HIT, _NEAR = Outcome.HIT, Outcome.NEAR  # asking the Enum costs as much as counting
NO_TIERS: Mapping[str, Rate] = {}


class Limiter(Protocol):
    """Counts requests by key."""

    @property
    def counts(self) -> Counts:
        """How the limits are used."""
        ...

    def decide(self, rule: Rule, subject: str, cost: int = 1) -> Decision | None:
        """Count one request of `cost` units if that can be done at once."""
        ...

    async def ask(self, rule: Rule, subject: str, cost: int = 1) -> Decision:
        """Count one request of `cost` units that could not be decided at once."""
        ...


class RateLimit:
    """Enforces a route's rate for each user, or each address where nobody is signed in.

    An API key has one budget for all routes instead, that of its tier, of which each operation takes its cost. What
    guards a secret keeps its own rate, and counts for the address where nobody has to be signed in.

    factor: scales all rates.
    shadow: count and tell, but let everything pass.
    """

    def __init__(
        self,
        handler: Handler,
        limiter: Limiter,
        factor: float,
        *,
        shadow: bool = False,
        tiers: Mapping[str, Rate] = NO_TIERS,
    ) -> None:
        self._next = handler
        self._limiter = limiter
        self._factor = factor
        self._shadow = shadow
        self._rules: dict[str, Rule] = {}
        self._tiers = {name: Rule(f"tier:{name}", scaled(rate, factor)) for name, rate in tiers.items()}

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on if the quota allows. Raises TooManyRequests."""
        route = exchange.route
        if route is None or route.policy is None:
            return self._next(exchange)
        rule, cost = self._rule(route.name, route.policy), 1
        if exchange.caller.tier in self._tiers and not rule.strict:
            rule = self._tiers[exchange.caller.tier]
            cost = min(route.policy.cost, rule.limit.count)
        kind, subject = address_of(exchange) if _anybody_may_try(route.policy) else subject_of(exchange)
        key = f"{kind}:{subject}"
        exchange.charge = partial(self._charge, rule, key, cost, kind, policy_field(kind, rule.limit))
        decision = self._limiter.decide(rule, key, cost)
        if decision is None:
            return self._asked(exchange, rule, kind, key, cost)
        self._enforce(exchange, rule, kind, decision)
        return self._next(exchange)

    async def _asked(self, exchange: Exchange, rule: Rule, kind: str, key: str, cost: int) -> Answer:
        self._enforce(exchange, rule, kind, await self._limiter.ask(rule, key, cost))
        return await self._next(exchange)

    def _charge(self, rule: Rule, key: str, cost: int, kind: str, policy: Header) -> Headers | None:
        """Count the same question once more, if it may pass at once."""
        decision = self._limiter.decide(rule, key, cost)
        if decision is None or not decision.allowed:
            return None
        self._count(rule, decision)
        return [policy, state_field(kind, decision)]

    def _enforce(self, exchange: Exchange, rule: Rule, kind: str, decision: Decision) -> None:
        exchange.answer_headers += fields(kind, rule.limit, decision)
        self._count(rule, decision)
        if not decision.allowed and not self._shadow:
            limit = rule.limit
            raise TooManyRequests(
                f"the quota of {limit.count} in {limit.seconds} seconds is used up", retry_after=decision.retry_after
            )

    def _rule(self, name: str, policy: Policy) -> Rule:
        rule = self._rules.get(name)
        if rule is None:
            rule = self._rules[name] = Rule(name, scaled(policy.rate, self._factor), policy.fail_closed)
        return rule

    def _count(self, rule: Rule, decision: Decision) -> None:
        """Count what has become of a request, once: a refusal by the short way is decided again by the long one."""
        add = self._limiter.counts.add
        if decision.alone:
            add(rule.name, Outcome.DEGRADED)
        if decision.allowed:
            add(rule.name, _NEAR if decision.remaining * NEAR < rule.limit.count else _HIT)
        else:
            add(rule.name, Outcome.SHADOW if self._shadow else Outcome.OVER)


def scaled(rate: Rate, factor: float) -> Limit:
    """The limit of a rate, times the factor; at least one request."""
    return Limit(max(1, round(rate.count * factor)), rate.seconds)


def subject_of(exchange: Exchange) -> tuple[str, str]:
    """Whose quota counts: the user's, the API key's where one stands for the user, else the address's."""
    caller = exchange.caller
    if caller.key_id:
        return "key", caller.key_id
    if caller.user_id:
        return "user", caller.user_id
    return address_of(exchange)


def address_of(exchange: Exchange) -> tuple[str, str]:
    """The quota of the address, whoever asks from there."""
    return "ip", network_of(exchange.client_ip)


def _anybody_may_try(policy: Policy) -> bool:
    """Whether secrets are guessed here: who has many tokens and keys would have as many guesses."""
    return policy.fail_closed and policy.access == Declared.PUBLIC


def fields(kind: str, limit: Limit, decision: Decision) -> Headers:
    """The two fields: lists of one structured-field item (RFC 9651) each."""
    return [policy_field(kind, limit), state_field(kind, decision)]


def state_field(kind: str, decision: Decision) -> Header:
    """The field that says what is left of it."""
    return b"ratelimit", f'"{kind}";r={decision.remaining};t={math.ceil(decision.reset)}'.encode()


@lru_cache(maxsize=1024)
def policy_field(kind: str, limit: Limit) -> tuple[bytes, bytes]:
    """The field that says what the quota is."""
    return b"ratelimit-policy", f'"{kind}";q={limit.count};w={limit.seconds}'.encode()
