"""Signs access tokens (RFC 9068) and publishes the public halves of the keys (RFC 7517, RFC 8037)."""

import base64
import logging
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptovault.auth.v1.auth_service_pb2 import Jwk

from services.auth.adapters.keys import Keys, KeysUnreadable, KeyTable
from services.auth.domain.model import Grant
from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.kit.tokens import ALGORITHM, TOKEN_TYPE

logger = logging.getLogger(__name__)

RETRY_INTERVAL = 0.5  # seconds, while PostgreSQL or our tables are not there yet
RELOAD_INTERVAL = 30.0  # seconds
JITTER = 0.05  # share of a token's life: tokens issued together do not expire together


@dataclass(frozen=True)
class TokenRules:
    """What stands in access tokens."""

    issuer: str
    audience: str
    life: float  # seconds
    key_period: float  # seconds that a signing key serves


class TokenMint:
    """Implements the port Tokens."""

    def __init__(self, table: KeyTable, rules: TokenRules, clock: Clock) -> None:
        self._table = table
        self._rules = rules
        self._clock = clock
        self._keys: Keys | None = None

    async def keep_keys(self) -> None:
        """Load the keys, again and again, until cancelled: other replicas make new ones."""
        while True:
            try:
                self._keys = await self._table.load(self._rules.key_period)
            except Unavailable as error:
                logger.debug("the keys cannot be loaded yet: %s", type(error).__name__)
            except KeysUnreadable as error:
                logger.error("%s", error)
            await self._clock.sleep(RELOAD_INTERVAL if self._keys else RETRY_INTERVAL)

    async def probe(self) -> None:
        """Health probe: raises Unavailable until the keys are there."""
        self._loaded()

    def access_token(self, grant: Grant) -> tuple[str, int]:
        """An access token, and its life in seconds."""
        now = self._clock.time()
        key = self._loaded().signing.active(now)
        life = round(self._rules.life * (1 - random.random() * JITTER))
        claims = {
            "iss": self._rules.issuer,
            "aud": self._rules.audience,
            "sub": grant.user_id,
            "sid": grant.session_id,
            "jti": secrets.token_hex(16),
            "epoch": grant.epoch,
            "scope": " ".join(sorted(grant.scopes)),
            "iat": int(now),
            "exp": int(now) + life,
        }
        headers = {"typ": TOKEN_TYPE, "kid": key.key_id}
        return jwt.encode(claims, _private_key(key.seed), ALGORITHM, headers), life

    def refresh_secret(self) -> bytes:
        """The secret behind refresh tokens."""
        return self._loaded().refresh_secret

    def jwks(self) -> Sequence[Jwk]:
        """The public keys that verifiers need now."""
        keys = self._loaded().signing.published(self._clock.time())
        return [_jwk(key.key_id, _private_key(key.seed)) for key in keys]

    def _loaded(self) -> Keys:
        if self._keys is None:
            raise Unavailable("the signing keys are not loaded yet", retry_after=1.0)
        return self._keys


@lru_cache(maxsize=16)
def _private_key(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def _jwk(key_id: str, key: Ed25519PrivateKey) -> Jwk:
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return Jwk(kty="OKP", crv="Ed25519", x=x, kid=key_id, alg=ALGORITHM, use="sig")
