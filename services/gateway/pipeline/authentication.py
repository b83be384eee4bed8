"""Who is calling: a Bearer token (RFC 6750), verified here without asking anybody."""

from collections.abc import Awaitable
from typing import Protocol

from cryptovault.gateway.v1.policy_pb2 import Policy as Declared

from services.gateway.pipeline.exchange import Answer, Exchange, Handler
from services.gateway.pipeline.problems import CHALLENGE
from services.kit.caller import Caller
from services.kit.errors import CryptoVaultError, PermissionDenied, Unauthenticated
from services.kit.tokens import Claims

ADMIN_SCOPE = "admin"


class Verifier(Protocol):
    """Tells whose a token is."""

    def recall(self, token: str) -> Claims | None:
        """The claims of a token that was verified before and still counts; None: ask `verify`."""
        ...

    async def verify(self, token: str) -> Claims:
        """The token's claims. Raises Unauthenticated or Unavailable."""
        ...


class Authentication:
    """Enforces a route's access. On public routes a good token says whose quota counts, and a bad one is ignored."""

    def __init__(self, handler: Handler, verifier: Verifier) -> None:
        self._next = handler
        self._verifier = verifier

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on with its caller."""
        policy = exchange.route.policy if exchange.route else None
        if policy is None or (policy.access == Declared.PUBLIC and b"authorization" not in exchange.headers):
            return self._next(exchange)
        claims = self._verifier.recall(bearer_token(exchange))
        if claims is None or policy.access == Declared.ADMIN:
            return self._identified(exchange, policy.access)
        exchange.caller = _caller(exchange, claims)
        return self._next(exchange)

    async def _identified(self, exchange: Exchange, access: Declared.Access.ValueType) -> Answer:
        if access == Declared.PUBLIC:
            await self._recognise(exchange)
        else:
            await self._require(exchange, admin=access == Declared.ADMIN)
        return await self._next(exchange)

    async def _recognise(self, exchange: Exchange) -> None:
        token = bearer_token(exchange)
        if not token:
            return
        try:
            exchange.caller = _caller(exchange, await self._verifier.verify(token))
        except CryptoVaultError:
            return

    async def _require(self, exchange: Exchange, *, admin: bool) -> None:
        token = bearer_token(exchange)
        if not token:
            raise Unauthenticated("sign in first: send Authorization: Bearer <access token>")
        try:
            exchange.caller = _caller(exchange, await self._verifier.verify(token))
        except Unauthenticated as error:
            _challenge(exchange, f'error="invalid_token", error_description="{error.detail}"')
            raise
        if admin and ADMIN_SCOPE not in exchange.caller.scopes:
            _challenge(exchange, f'error="insufficient_scope", scope="{ADMIN_SCOPE}"')
            raise PermissionDenied(f"this needs the scope {ADMIN_SCOPE!r}")


def bearer_token(exchange: Exchange) -> str:
    """The token of the Authorization header; empty when there is none."""
    scheme, _, token = exchange.text(b"authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _caller(exchange: Exchange, claims: Claims) -> Caller:
    return Caller(
        user_id=claims.user_id,
        session_id=claims.session_id,
        scopes=claims.scopes,
        client_ip=exchange.client_ip,
        user_agent=exchange.text(b"user-agent"),
        request_id=exchange.request_id,
    )


def _challenge(exchange: Exchange, parameters: str) -> None:
    exchange.answer_headers.append((b"www-authenticate", CHALLENGE + b", " + parameters.encode("ascii", "replace")))
