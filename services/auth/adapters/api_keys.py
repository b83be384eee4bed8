"""API keys in PostgreSQL. What makes them secret is stored as a hash."""

from collections.abc import Sequence
from datetime import UTC, datetime

from asyncpg import Record

from services.auth.domain.model import ApiKeyRecord, Ending
from services.kit.db import Connection, Database

FIELDS = "key_id, user_id, name, scopes, tier, created_at, expires_at, last_used_at"
# Longer than a revoked key must be remembered, so that whoever revokes it again reaches everybody who was away.
FORGET = "revoked_at < now() - interval '1 day'"


class PostgresApiKeys:
    """Implements the port ApiKeys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: ApiKeyRecord, digest: bytes, most: int) -> bool:
        """Keep a new key; False if its owner has `most` already."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT 1 FROM auth.users WHERE user_id = $1 FOR UPDATE", record.user_id)
            if await _count(connection, record.user_id) >= most:
                return False
            await connection.execute(f"DELETE FROM auth.api_keys WHERE user_id = $1 AND {FORGET}", record.user_id)
            await _insert(connection, record, digest)
            return True

    async def list(self, user_id: str) -> Sequence[ApiKeyRecord]:
        """The keys that are not revoked, newest first."""
        rows = await self._database.fetch(
            f"SELECT {FIELDS} FROM auth.api_keys WHERE user_id = $1 AND revoked_at IS NULL"
            " ORDER BY created_at DESC, key_id",
            user_id,
        )
        return [_record(row, row["scopes"]) for row in rows]

    async def find(self, key_id: str) -> tuple[ApiKeyRecord, bytes] | None:
        """A key that is not revoked, with the scopes that its owner still has, and its digest."""
        row = await self._database.fetchrow(
            "SELECT k.*, u.scopes AS owned FROM auth.api_keys k JOIN auth.users u USING (user_id)"
            " WHERE k.key_id = $1 AND k.revoked_at IS NULL",
            key_id,
        )
        if row is None:
            return None
        return _record(row, set(row["scopes"]) & set(row["owned"])), bytes(row["digest"])

    async def mark_used(self, key_id: str, now: float) -> None:
        """Remember when it was used, to within a minute."""
        await self._database.execute(
            "UPDATE auth.api_keys SET last_used_at = $2"
            " WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - interval '1 minute')",
            key_id,
            _moment(now),
        )

    async def revoke(self, user_id: str, key_id: str) -> Ending:
        """Revoke a key of this account."""
        is_first = await self._database.fetchval(
            "UPDATE auth.api_keys SET revoked_at = coalesce(revoked_at, now())"
            " WHERE user_id = $1 AND key_id = $2 RETURNING revoked_at = now()",
            user_id,
            key_id.replace("\0", ""),  # PostgreSQL's text cannot hold it, and no id has it
        )
        if is_first is None:
            return Ending.UNKNOWN
        return Ending.NOW if is_first else Ending.BEFORE

    async def revoke_all(self, user_id: str) -> Sequence[str]:
        """Revoke all keys of an account; returns the ids of all that were revoked lately."""
        rows = await self._database.fetch(
            "UPDATE auth.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE user_id = $1 RETURNING key_id",
            user_id,
        )
        return [row["key_id"] for row in rows]

    async def set_tier(self, key_id: str, tier: str) -> str | None:
        """Let a key draw on another budget; returns its owner, None if there is no such key."""
        owner = await self._database.fetchval(
            "UPDATE auth.api_keys SET tier = $2 WHERE key_id = $1 AND revoked_at IS NULL RETURNING user_id",
            key_id,
            tier,
        )
        return None if owner is None else str(owner)


async def _count(connection: Connection, user_id: str) -> int:
    sql = "SELECT count(*) FROM auth.api_keys WHERE user_id = $1 AND revoked_at IS NULL"
    return int(await connection.fetchval(sql, user_id))


async def _insert(connection: Connection, record: ApiKeyRecord, digest: bytes) -> None:
    await connection.execute(
        "INSERT INTO auth.api_keys (key_id, user_id, digest, name, scopes, tier, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        record.key_id,
        record.user_id,
        digest,
        record.name,
        sorted(record.scopes),
        record.tier,
        _moment(record.created_at),
        None if record.expires_at is None else _moment(record.expires_at),
    )


def _record(row: Record, scopes: Sequence[str] | set[str]) -> ApiKeyRecord:
    return ApiKeyRecord(
        key_id=row["key_id"],
        user_id=str(row["user_id"]),
        name=row["name"],
        scopes=frozenset(scopes),
        tier=row["tier"],
        created_at=row["created_at"].timestamp(),
        expires_at=_seconds(row["expires_at"]),
        last_used_at=_seconds(row["last_used_at"]),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
