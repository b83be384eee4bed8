"""Who is calling: a Bearer token (RFC 6750), verified here without asking anybody, or else an API key (X-API-Key)."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Protocol, TypeAlias

from cryptovault.gateway.v1.policy_pb2 import Policy as Declared

from services.gateway.api_keys import Holder
from services.gateway.pipeline.exchange import Answer, Exchange, Handler
from services.gateway.pipeline.problems import CHALLENGE
from services.gateway.tasks import started
from services.gateway.wrong_credentials import WrongCredentials
from services.kit.addresses import network_of
from services.kit.caller import Caller
from services.kit.errors import CryptoVaultError, PermissionDenied, Unauthenticated, forget_way
from services.kit.tokens import Claims, WrongToken

ADMIN_SCOPE = "admin"
TOKEN, KEY = b"authorization", b"x-api-key"
PUBLIC_PATIENCE = 0.25  # seconds that a public route waits for auth; then whoever asks is anybody

Access: TypeAlias = Declared.Access.ValueType


class Verifier(Protocol):
    """Tells whose a token is."""

    def knows(self, token: str) -> bool:
        """Whether a token was verified before, though it may count no longer."""
        ...

    def recall(self, token: str) -> Claims | None:
        """The claims of a token that was verified before and still counts; None: ask `verify`."""
        ...

    def counts(self, claims: Claims) -> bool:
        """Whether claims verified earlier have neither expired nor been revoked since."""
        ...

    async def verify(self, token: str) -> Claims:
        """The token's claims. Raises Unauthenticated (WrongToken where verifying it was in vain) or Unavailable."""
        ...


class Keys(Protocol):
    """Tells whose an API key is."""

    def recall(self, text: str) -> Holder | None:
        """The holder of a key that is known and counts; None: ask `resolve`."""
        ...

    async def resolve(self, text: str, address: str) -> Holder:
        """The holder of a key. Raises Unauthenticated, TooManyRequests or Unavailable."""
        ...


class Authentication:
    """Enforces a route's access. On public routes a token or a key only says whose quota counts; bad ones are ignored.

    A token counts before a key. What was seen before is decided at once; only what is new has to wait, and is refused
    where too much of it was wrong. A public route waits for `PUBLIC_PATIENCE` at most.
    """

    def __init__(self, handler: Handler, verifier: Verifier, keys: Keys, wrong: WrongCredentials) -> None:
        self._next = handler
        self._verifier = verifier
        self._keys = keys
        self._wrong = wrong

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on with its caller."""
        policy, headers = exchange.route.policy if exchange.route else None, exchange.headers
        if policy is None or (policy.access == Declared.PUBLIC and TOKEN not in headers and KEY not in headers):
            exchange.recall = _anybody
            return self._next(exchange)
        caller = self._recall(exchange)
        if caller is None or not _suffices(caller, policy.access):
            return self._identified(exchange, policy.access)
        exchange.caller = caller
        return self._next(exchange)

    def _recall(self, exchange: Exchange) -> Caller | None:
        token = bearer_token(exchange)
        if token:
            claims = self._verifier.recall(token)
            if claims is None:
                return None
            exchange.recall = partial(self._verifier.counts, claims)
            return _session(exchange, claims)
        if KEY not in exchange.headers:
            return None
        key = exchange.text(KEY)
        holder = self._keys.recall(key)
        if holder is None:
            return None
        exchange.recall = partial(self._is_holder, key, holder)
        return _program(exchange, holder)

    def _is_holder(self, key: str, holder: Holder) -> bool:
        """Whether a key still says what it said."""
        return self._keys.recall(key) is holder

    async def _identified(self, exchange: Exchange, access: Access) -> Answer:
        """Pass the exchange on when it is known whose it is; on a public route that may take only so long.

        Finding out goes on though nobody waits any more: who leaves early is to guess no cheaper than others.
        """
        identifying = started(self._identify(exchange))
        await asyncio.wait({identifying}, timeout=PUBLIC_PATIENCE if access == Declared.PUBLIC else None)
        if access != Declared.PUBLIC:
            exchange.caller = identifying.result()
            _require(exchange, access)
        elif identifying.done():
            try:
                exchange.caller = identifying.result()
            except CryptoVaultError as error:
                forget_way(error)
        return await self._next(exchange)

    async def _identify(self, exchange: Exchange) -> Caller:
        token, address = bearer_token(exchange), network_of(exchange.client_ip)
        if token:
            return await self._verified(exchange, token, address)
        if KEY not in exchange.headers:
            raise Unauthenticated("sign in first: send Authorization: Bearer <access token>, or X-API-Key")
        return _program(exchange, await self._keys.resolve(exchange.text(KEY), address))

    async def _verified(self, exchange: Exchange, token: str, address: str) -> Caller:
        if not self._verifier.knows(token):
            self._wrong.check(address)
        try:
            return _session(exchange, await self._verifier.verify(token))
        except Unauthenticated as error:
            if isinstance(error, WrongToken):
                self._wrong.count(address)
            _challenge(exchange, f'error="invalid_token", error_description="{error.detail}"')
            raise


def _anybody() -> bool:
    return True


def bearer_token(exchange: Exchange) -> str:
    """The token of the Authorization header; empty when there is none."""
    scheme, _, token = exchange.text(TOKEN).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _suffices(caller: Caller, access: Access) -> bool:
    if access == Declared.ADMIN:
        return ADMIN_SCOPE in caller.scopes
    return access != Declared.SESSION or not caller.key_id


def _require(exchange: Exchange, access: Access) -> None:
    """Raise PermissionDenied unless the caller may."""
    if _suffices(exchange.caller, access):
        return
    if access == Declared.SESSION:
        raise PermissionDenied("an API key is not enough for this: sign in", reason="session_required")
    _challenge(exchange, f'error="insufficient_scope", scope="{ADMIN_SCOPE}"')
    raise PermissionDenied(f"this needs the scope {ADMIN_SCOPE!r}")


def _session(exchange: Exchange, claims: Claims) -> Caller:
    return Caller(
        user_id=claims.user_id,
        session_id=claims.session_id,
        scopes=claims.scopes,
        client_ip=exchange.client_ip,
        user_agent=exchange.text(b"user-agent"),
        request_id=exchange.request_id,
    )


def _program(exchange: Exchange, holder: Holder) -> Caller:
    return Caller(
        user_id=holder.user_id,
        scopes=holder.scopes,
        client_ip=exchange.client_ip,
        user_agent=exchange.text(b"user-agent"),
        request_id=exchange.request_id,
        key_id=holder.key_id,
        tier=holder.tier,
    )


def _challenge(exchange: Exchange, parameters: str) -> None:
    exchange.answer_headers.append((b"www-authenticate", CHALLENGE + b", " + parameters.encode("ascii", "replace")))
