"""Accounts in PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from asyncpg import Record

from services.auth.domain import email as addresses
from services.auth.domain.model import Account, Credentials, PasswordChange
from services.kit.db import Connection, Database
from services.kit.errors import Unauthenticated

SELECT = """
    SELECT user_id, email, display_name, scopes, epoch, email_verified_at, created_at, password_hash
    FROM auth.users JOIN auth.credentials USING (user_id)
"""


class PostgresAccounts:
    """Implements the port Accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: Account, password_hash: str) -> bool:
        """Keep a new account; False if its e-mail address is taken."""
        async with self._database.transaction() as connection:
            if not await _insert_user(connection, account):
                return False
            await connection.execute(
                "INSERT INTO auth.credentials (user_id, password_hash) VALUES ($1, $2)", account.user_id, password_hash
            )
            return True

    async def by_email(self, email: str) -> Credentials | None:
        """The account with this address, in whatever form it is written."""
        key = addresses.normalise(email)
        if "\0" in key:  # PostgreSQL's text cannot hold it, so no account has it
            return None
        row = await self._database.fetchrow(f"{SELECT} WHERE email_key = $1", key)
        return None if row is None else _credentials(row)

    async def by_id(self, user_id: str) -> Credentials | None:
        """The account with this id."""
        try:
            key = UUID(user_id)
        except ValueError:
            return None
        row = await self._database.fetchrow(f"{SELECT} WHERE user_id = $1", key)
        return None if row is None else _credentials(row)

    async def replace_hash(self, user_id: str, old: str, new: str) -> None:
        """Store the same password's hash with other parameters, unless the password was changed meanwhile."""
        await self._database.execute(
            "UPDATE auth.credentials SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2",
            user_id,
            old,
            new,
        )

    @asynccontextmanager
    async def new_epoch(self, user_id: str, change: PasswordChange | None = None) -> AsyncIterator[int]:
        """Start the account's next epoch, with another password if given; it counts if the block succeeds."""
        async with self._database.transaction() as connection:
            epoch = await connection.fetchval(
                "UPDATE auth.users SET epoch = epoch + 1 WHERE user_id = $1 RETURNING epoch", user_id
            )
            if change is not None:
                await _change_password(connection, user_id, change)
            yield int(epoch)

    async def mark_verified(self, user_id: str) -> None:
        """The e-mail address is its user's."""
        await self._database.execute(
            "UPDATE auth.users SET email_verified_at = coalesce(email_verified_at, now()) WHERE user_id = $1", user_id
        )

    async def grant(self, user_id: str, scope: str) -> None:
        """Give the account a scope, from its next sign-in on."""
        await self._database.execute(
            "UPDATE auth.users SET scopes = array_append(scopes, $2) WHERE user_id = $1 AND NOT scopes @> ARRAY[$2]",
            user_id,
            scope,
        )


async def _insert_user(connection: Connection, account: Account) -> bool:
    created_at = datetime.fromtimestamp(account.created_at, UTC)
    tag = await connection.execute(
        "INSERT INTO auth.users (user_id, email, email_key, display_name, scopes, epoch, email_verified_at, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (email_key) DO NOTHING",
        account.user_id,
        account.email,
        addresses.normalise(account.email),
        account.display_name,
        sorted(account.scopes),
        account.epoch,
        created_at if account.verified else None,
        created_at,
    )
    return tag == "INSERT 0 1"


async def _change_password(connection: Connection, user_id: str, change: PasswordChange) -> None:
    tag = await connection.execute(
        "UPDATE auth.credentials SET password_hash = $3, changed_at = now() WHERE user_id = $1 AND password_hash = $2",
        user_id,
        change.old_hash,
        change.new_hash,
    )
    if tag != "UPDATE 1":
        raise Unauthenticated("the password was changed meanwhile")


def _credentials(row: Record) -> Credentials:
    account = Account(
        user_id=str(row["user_id"]),
        email=row["email"],
        display_name=row["display_name"],
        scopes=frozenset(row["scopes"]),
        epoch=row["epoch"],
        verified=row["email_verified_at"] is not None,
        created_at=row["created_at"].timestamp(),
    )
    return Credentials(account, row["password_hash"])
