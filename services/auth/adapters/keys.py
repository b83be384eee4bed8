"""The keys that all replicas share, in PostgreSQL: made at the first start, and anew when they have served their time.

With CV_AUTH_KEY_ENCRYPTION_KEY they are stored encrypted (AES-256-GCM, bound to their key id); without it the
database's own protection is all there is.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncpg import Record
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.auth.domain.keys import LEAD, SECRET_BYTES, KeyRing, SigningKey
from services.kit.clock import Clock
from services.kit.db import Connection, Database

logger = logging.getLogger(__name__)

NONCE_BYTES = 12


class KeysUnreadable(Exception):
    """A stored key cannot be decrypted with the key that is set, or none is set."""


class Vault:
    """Encrypts secrets that are stored, if it was given a key."""

    def __init__(self, key: bytes | None) -> None:
        self._cipher = None if key is None else AESGCM(key)

    def seal(self, key_id: str, secret: bytes) -> tuple[bytes, bool]:
        """What to store, and whether it is encrypted."""
        if self._cipher is None:
            return secret, False
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, key_id.encode()), True

    def unseal(self, key_id: str, stored: bytes, sealed: bool) -> bytes:
        """The secret. Raises KeysUnreadable."""
        if not sealed:
            return stored
        if self._cipher is None:
            raise KeysUnreadable("the keys are stored encrypted: set CV_AUTH_KEY_ENCRYPTION_KEY")
        try:
            return self._cipher.decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], key_id.encode())
        except InvalidTag as error:
            raise KeysUnreadable("the keys were encrypted with another CV_AUTH_KEY_ENCRYPTION_KEY") from error


@dataclass(frozen=True)
class Keys:
    """All keys of this moment."""

    signing: KeyRing
    refresh_secret: bytes


class KeyTable:
    """The table of keys."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, token_life: float) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._token_life = token_life

    async def load(self, period: float) -> Keys:
        """All keys, after making those that are missing or due: a signing key serves for `period` seconds.

        Raises Unavailable when PostgreSQL is away, KeysUnreadable when they cannot be decrypted.
        """
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('cryptovault.auth.keys'))")
            keys = self._read(await connection.fetch("SELECT * FROM auth.keys"))
            if keys.refresh_secret and not keys.signing.needs_next(self._clock.time(), period):
                return keys
            await self._add_missing(connection, keys, period)
            return self._read(await connection.fetch("SELECT * FROM auth.keys"))

    def _read(self, rows: list[Record]) -> Keys:
        signing, refresh = [], b""
        for row in rows:
            secret = self._vault.unseal(row["key_id"], row["secret"], row["sealed"])
            if row["purpose"] == "access":
                signing.append(SigningKey(row["key_id"], secret, row["active_from"].timestamp()))
            else:
                refresh = secret
        return Keys(KeyRing(signing, self._token_life), refresh)

    async def _add_missing(self, connection: Connection, keys: Keys, period: float) -> None:
        now = self._clock.time()
        if not keys.refresh_secret:
            await self._insert(connection, "refresh", now)
        if keys.signing.needs_next(now, period):
            await self._insert(connection, "access", now + LEAD if keys.signing.published(now) else now)

    async def _insert(self, connection: Connection, purpose: str, active_from: float) -> None:
        key_id = secrets.token_hex(8)
        stored, sealed = self._vault.seal(key_id, secrets.token_bytes(SECRET_BYTES))
        await connection.execute(
            "INSERT INTO auth.keys (key_id, purpose, secret, sealed, active_from) VALUES ($1, $2, $3, $4, $5)",
            key_id,
            purpose,
            stored,
            sealed,
            datetime.fromtimestamp(active_from, UTC),
        )
        logger.info("made a new key for %s tokens: %s", purpose, key_id)
