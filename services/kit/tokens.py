"""Verification of access tokens where they are used, without asking auth.

Tokens are EdDSA JWTs of type at+jwt (RFC 9068, RFC 8037), checked as RFC 8725 advises: one algorithm, one type, one
issuer, one audience, and no key but those of the issuer's JWKS, whatever the token's header says.
`services.kit.revocations` holds what no longer counts; `services.kit.token_updates` keeps a verifier up to date.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptovault.auth.v1.auth_service_pb2 import Jwk, Revocation
from cryptovault.events.v1.events_pb2 import AuthRevoked

from services.kit.clock import Clock
from services.kit.errors import Unauthenticated, Unavailable
from services.kit.revocations import Revocations, Revoked
from services.kit.settings import setting

logger = logging.getLogger(__name__)

ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"
MAX_TOKEN_LENGTH = 4096  # characters; ours have about 500
MAX_REMEMBERED = 50_000  # verified tokens
REFETCH_INTERVAL = 5.0  # seconds between two fetches that unknown key ids may cause


@dataclass(frozen=True, kw_only=True)
class TokenSettings:
    """Mixed into the settings of services that issue or verify access tokens."""

    token_issuer: str = setting("CV_AUTH_ISSUER", "Issuer of access tokens (claim iss)", default="cryptovault")
    token_audience: str = setting("CV_AUTH_AUDIENCE", "Audience of access tokens (claim aud)", default="cryptovault")


class WrongToken(Unauthenticated):
    """The token names a key of the issuer's and was verified in vain: it is forged, or not meant for us."""


FetchJwks = Callable[[], Awaitable[Iterable[Jwk]]]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says."""

    user_id: str
    session_id: str
    scopes: frozenset[str]
    epoch: int  # the account's generation; a password change starts a new one
    expires_at: float  # seconds since 1970 UTC
    token_id: str


class _Payload(msgspec.Struct, frozen=True):
    """The claims as they stand in the token; anything missing or of another type is refused."""

    sub: str
    sid: str
    jti: str
    epoch: int
    scope: str
    exp: float
    iat: float
    nbf: float = 0.0

    def to_claims(self) -> Claims:
        return Claims(self.sub, self.sid, frozenset(self.scope.split()), self.epoch, self.exp, self.jti)


class TokenVerifier:
    """Tells whose an access token is. Keeps verifying with the keys it knows when auth is away.

    A token seen before costs a hash and a few look-ups; a new one an Ed25519 verification.
    """

    def __init__(self, fetch_jwks: FetchJwks, clock: Clock, issuer: str, audience: str) -> None:
        self.revocations = Revocations(clock)
        self._keys = _KeySet(fetch_jwks, clock)
        self._clock = clock
        self._issuer = issuer
        self._audience = audience
        self._seen: OrderedDict[bytes, Claims] = OrderedDict()

    async def verify(self, token: str) -> Claims:
        """The token's claims. Raises Unauthenticated, or Unavailable when no key could be fetched yet.

        Of these errors WrongToken is the one that costs a verification each time.
        """
        digest = sha256(token.encode(errors="replace")).digest()
        claims = self._seen.get(digest)
        if claims is None:
            claims = await self._verify_unseen(token)
            self._remember(digest, claims)
        else:
            self._seen.move_to_end(digest)
        self.check(claims)
        return claims

    def knows(self, token: str) -> bool:
        """Whether a token was verified before, though it may count no longer: `verify` costs little then."""
        return sha256(token.encode(errors="replace")).digest() in self._seen

    def recall(self, token: str) -> Claims | None:
        """The claims of a token that was verified before and still counts, at once; None: ask `verify`."""
        claims = self._seen.get(sha256(token.encode(errors="replace")).digest())
        return claims if claims is not None and self.counts(claims) else None

    def counts(self, claims: Claims) -> bool:
        """Whether claims verified earlier have neither expired nor been revoked since."""
        if claims.expires_at <= self._clock.time():
            return False
        return not self.revocations.concern(claims.user_id, claims.session_id, claims.epoch)

    def check(self, claims: Claims) -> None:
        """Raise Unauthenticated if claims verified earlier have expired or been revoked since."""
        if claims.expires_at <= self._clock.time():
            raise Unauthenticated("the access token has expired", reason="token_expired")
        if self.revocations.concern(claims.user_id, claims.session_id, claims.epoch):
            raise Unauthenticated("the session has ended", reason="token_revoked")

    def revoke(self, event: AuthRevoked) -> None:
        """Apply one revocation at once, to tokens seen before as well."""
        self.revocations.add(Revoked.from_event(event, self._clock))

    def load(self, revocations: Iterable[Revocation]) -> None:
        """Apply a snapshot; what was revoked before stays revoked."""
        self.revocations.load(Revoked.from_snapshot(entry, self._clock) for entry in revocations)

    async def refresh_keys(self) -> None:
        """Fetch the issuer's keys anew. Whatever the fetch raises is raised, and the known keys stay."""
        await self._keys.fetch()

    async def probe(self) -> None:
        """Health probe: raises Unavailable until the first keys are there."""
        self._keys.require_any()

    async def _verify_unseen(self, token: str) -> Claims:
        key = await self._keys.find(_key_id(token))
        payload = _decode(token, key, self._issuer, self._audience)
        if payload.nbf > self._clock.time():
            raise WrongToken("the access token is not valid yet", reason="token_invalid")
        return payload.to_claims()

    def _remember(self, digest: bytes, claims: Claims) -> None:
        self._seen[digest] = claims
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)


class _KeySet:
    """The issuer's public keys by key id. An unknown id causes a fetch, at most one in REFETCH_INTERVAL."""

    def __init__(self, fetch_jwks: FetchJwks, clock: Clock) -> None:
        self._fetch_jwks = fetch_jwks
        self._clock = clock
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._lock = asyncio.Lock()
        self._next_fetch = float("-inf")
        self._last_failed = False

    async def fetch(self) -> None:
        """Replace the keys by what the issuer publishes now; an empty answer changes nothing."""
        keys = {jwk.kid: _public_key(jwk) for jwk in await self._fetch_jwks() if jwk.crv == "Ed25519"}
        self._keys = keys or self._keys

    async def find(self, key_id: str) -> Ed25519PublicKey:
        """The key with this id. Raises Unauthenticated if there is none, Unavailable if that cannot be known."""
        if key_id not in self._keys:
            await self._fetch_for(key_id)
        key = self._keys.get(key_id)
        if key is not None:
            return key
        self.require_any()
        if self._last_failed:
            raise Unavailable("the token's key cannot be fetched at the moment", retry_after=REFETCH_INTERVAL)
        raise Unauthenticated("the access token is signed with an unknown key", reason="token_invalid")

    def require_any(self) -> None:
        """Raise Unavailable while no key is known."""
        if not self._keys:
            raise Unavailable("the keys of access tokens are not known yet", retry_after=1.0)

    async def _fetch_for(self, key_id: str) -> None:
        async with self._lock:
            if key_id in self._keys or self._clock.monotonic() < self._next_fetch:
                return
            self._next_fetch = self._clock.monotonic() + REFETCH_INTERVAL
            try:
                await self.fetch()
                self._last_failed = False
            except Exception as error:
                self._last_failed = True
                logger.warning("the keys of access tokens cannot be fetched: %s", type(error).__name__)


def _key_id(token: str) -> str:
    """The key id of a token whose header is one that we issue."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise Unauthenticated("the access token is too long", reason="token_invalid")
    try:
        header: dict[str, Any] = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unauthenticated("the access token is malformed", reason="token_invalid") from error
    if header.get("alg") != ALGORITHM:
        raise Unauthenticated(f"the access token's algorithm is not {ALGORITHM}", reason="token_invalid")
    if header.get("typ") != TOKEN_TYPE:
        raise Unauthenticated(f"the token's type is not {TOKEN_TYPE}", reason="token_invalid")
    key_id = header.get("kid")
    if not isinstance(key_id, str):
        raise Unauthenticated("the access token names no key", reason="token_invalid")
    return key_id


# Times are checked against our own clock, so that tests need not wait and a remembered token expires by the same rule.
_OPTIONS: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["aud", "iss"]}


def _decode(token: str, key: Ed25519PublicKey, issuer: str, audience: str) -> _Payload:
    try:
        payload = jwt.decode(token, key, [ALGORITHM], options=_OPTIONS, audience=audience, issuer=issuer)
        return msgspec.convert(payload, _Payload)
    except jwt.InvalidIssuerError as error:
        raise WrongToken("the access token is of another issuer", reason="token_invalid") from error
    except jwt.InvalidAudienceError as error:
        raise WrongToken("the access token is for another audience", reason="token_invalid") from error
    except jwt.InvalidSignatureError as error:
        raise WrongToken("the access token's signature is wrong", reason="token_invalid") from error
    except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError) as error:
        raise WrongToken("the access token is malformed", reason="token_invalid") from error


def _public_key(jwk: Jwk) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(jwt.utils.base64url_decode(jwk.x))
