"""What the rules need of the world."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.auth.domain.audit import AuditEntry
from services.auth.domain.model import (
    Account,
    ApiKeyRecord,
    Credentials,
    Ended,
    Ending,
    Grant,
    PasswordChange,
    Session,
)
from services.kit.caller import Caller


class Accounts(Protocol):
    """Where accounts are kept. Everything raises Unavailable when it cannot be asked."""

    async def add(self, account: Account, password_hash: str) -> bool:
        """Keep a new account; False if its e-mail address is taken."""
        ...

    async def by_email(self, email: str) -> Credentials | None:
        """The account with this address, in whatever form it is written."""
        ...

    async def by_id(self, user_id: str) -> Credentials | None:
        """The account with this id."""
        ...

    async def replace_hash(self, user_id: str, old: str, new: str) -> None:
        """Store the same password's hash with other parameters, unless the password was changed meanwhile."""
        ...

    def new_epoch(self, user_id: str, change: PasswordChange | None = None) -> AbstractAsyncContextManager[int]:
        """Start the account's next epoch, with another password if given; it counts if the block succeeds.

        Raises Unauthenticated if the password is not the old one any more.
        """
        ...

    async def mark_verified(self, user_id: str) -> None:
        """The e-mail address is its user's."""
        ...

    async def grant(self, user_id: str, scope: str) -> None:
        """Give the account a scope, from its next sign-in on."""
        ...


class Sessions(Protocol):
    """Where the state of sessions is kept. Everything raises Unavailable when it cannot be asked."""

    async def open(self, account: Account, session_id: str, caller: Caller) -> tuple[Grant, Sequence[str]]:
        """Start a session; also the ids of older ones that ended because there were too many.

        Raises Unauthenticated if the account has entered a newer epoch, and with it perhaps another password.
        """
        ...

    async def refresh(self, user_id: str, session_id: str, counter: int) -> Grant:
        """Advance the session's counter, or repeat its state, as services/auth/adapters/session_scripts.py says.

        Raises Unauthenticated (RefreshTokenReused when that ended the session).
        """
        ...

    async def end(self, user_id: str, session_id: str, reason: str) -> Ending:
        """End a session of this account."""
        ...

    async def end_others(self, user_id: str, keep: str, epoch: int, reason: str) -> Sequence[str]:
        """End all sessions but `keep`, which enters the new epoch; returns the ids of those ended."""
        ...

    async def list(self, user_id: str) -> Sequence[Session]:
        """The live sessions, newest first."""
        ...


class ApiKeys(Protocol):
    """Where API keys are kept. Everything raises Unavailable when it cannot be asked."""

    async def add(self, record: ApiKeyRecord, digest: bytes, most: int) -> bool:
        """Keep a new key; False if its owner has `most` already."""
        ...

    async def list(self, user_id: str) -> Sequence[ApiKeyRecord]:
        """The keys that are not revoked, newest first."""
        ...

    async def find(self, key_id: str) -> tuple[ApiKeyRecord, bytes] | None:
        """A key that is not revoked, with the scopes that its owner still has, and its digest."""
        ...

    async def mark_used(self, key_id: str, now: float) -> None:
        """Remember when it was used, to within a minute."""
        ...

    async def revoke(self, user_id: str, key_id: str) -> Ending:
        """Revoke a key of this account."""
        ...

    async def revoke_all(self, user_id: str) -> Sequence[str]:
        """Revoke all keys of an account; returns the ids of all that were revoked lately."""
        ...

    async def set_tier(self, key_id: str, tier: str) -> str | None:
        """Let a key draw on another budget; returns its owner, None if there is no such key."""
        ...


class Revocations(Protocol):
    """Tells all verifiers what counts no longer."""

    async def announce(self, ended: Sequence[Ended]) -> None:
        """Remember and publish. Raises Unavailable when it could not be remembered."""
        ...

    async def unexpired(self) -> Sequence[Ended]:
        """What is remembered."""
        ...


class Hasher(Protocol):
    """Slow password hashing, beside the event loop. Raises Unavailable when too many wait."""

    async def hash(self, password: str) -> str:
        """A new hash."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits. Without a hash the same work is done in vain."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than today's."""
        ...


class Attempts(Protocol):
    """Slows down who tries passwords."""

    async def guard(self, email: str, ip: str, check: Callable[[], Awaitable[bool]]) -> bool:
        """The result of `check`, an attempt that is counted before it is made.

        Raises TooManyRequests instead while the account must not be tried from this address, and Unavailable when
        attempts cannot be counted.
        """
        ...


class Tokens(Protocol):
    """Signs and reads tokens. Raises Unavailable while the keys are not known."""

    def access_token(self, grant: Grant) -> tuple[str, int]:
        """An access token, and its life in seconds."""
        ...

    def refresh_secret(self) -> bytes:
        """The secret behind refresh tokens."""
        ...


class Audit(Protocol):
    """The audit log."""

    async def record(self, entry: AuditEntry) -> None:
        """Write now. Raises Unavailable when that is not possible."""
        ...

    def note(self, entry: AuditEntry) -> None:
        """Write as soon as possible, for what must not wait for PostgreSQL."""
        ...
