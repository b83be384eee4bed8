"""API keys: made by a signed-in user, shown once, resolved for the gateway, revoked everywhere within a second."""

import hmac
import re
from collections.abc import Sequence
from contextlib import suppress

from services.auth.domain.audit import AuditEntry, Event
from services.auth.domain.checks import check, name_problem, required
from services.auth.domain.model import ApiKeyRecord, Ended, Ending
from services.auth.domain.ports import ApiKeys, Audit, Revocations
from services.auth.domain.sessions import entry
from services.kit import api_keys as keys
from services.kit.api_keys import ApiKey
from services.kit.caller import Caller
from services.kit.clock import Clock
from services.kit.errors import NotFound, PermissionDenied, Unavailable

MAX_NAME = 64  # characters
MAX_LIFE = 10 * 365 * 24 * 3600.0  # seconds until a key that ends by itself must have done so
TIER = re.compile(r"[a-z][a-z0-9-]{0,31}")


class ApiKeyDesk:
    """Makes, lists, resolves and revokes keys. Every revocation is announced to all verifiers.

    tier: the budget of new keys.
    most: keys that an account may have.
    """

    def __init__(
        self, stored: ApiKeys, revocations: Revocations, audit: Audit, clock: Clock, *, tier: str, most: int
    ) -> None:
        self._stored = stored
        self._revocations = revocations
        self._audit = audit
        self._clock = clock
        self._tier = tier
        self._most = most

    async def create(
        self, name: str, scopes: Sequence[str], expires_at: float | None, caller: Caller
    ) -> tuple[str, ApiKeyRecord]:
        """A new key for the caller, and what is kept of it. Raises InvalidInput, PermissionDenied for one too many."""
        user_id, now = caller.require_user(), self._clock.time()
        check(
            name=required(name.strip()) or name_problem(name, MAX_NAME),
            scopes=_scopes_problem(scopes, caller),
            expires_at=_expiry_problem(expires_at, now),
        )
        text, key = keys.generate()
        record = ApiKeyRecord(key.key_id, user_id, name.strip(), frozenset(scopes), self._tier, now, expires_at)
        if not await self._stored.add(record, key.digest, self._most):
            raise PermissionDenied(f"an account has at most {self._most} API keys", reason="too_many_api_keys")
        await self._audit.record(self._entry(Event.API_KEY_CREATED, caller, user_id, key.key_id))
        return text, record

    async def list(self, caller: Caller) -> Sequence[ApiKeyRecord]:
        """The caller's keys, newest first; those that have expired are among them until they are revoked."""
        return await self._stored.list(caller.require_user())

    async def revoke(self, key_id: str, caller: Caller) -> None:
        """Revoke one of the caller's keys; it may be said again. Raises NotFound."""
        user_id = caller.require_user()
        ending = await self._stored.revoke(user_id, key_id)
        if ending is Ending.UNKNOWN:
            raise NotFound("there is no such API key")
        if ending is Ending.NOW:
            self._audit.note(self._entry(Event.API_KEY_REVOKED, caller, user_id, key_id))
        await self._announce(user_id, [key_id])  # again if it was revoked before: the announcement may have failed then

    async def revoke_all(self, user_id: str, caller: Caller) -> None:
        """Revoke every key of an account."""
        key_ids = await self._stored.revoke_all(user_id)
        self._audit.note(self._entry(Event.ALL_API_KEYS_REVOKED, caller, user_id, ""))
        await self._announce(user_id, key_ids)

    async def resolve(self, key: ApiKey) -> ApiKeyRecord:
        """Whose a key is, and what it may do now. Raises Unauthenticated if it does not count."""
        found = await self._stored.find(key.key_id)
        if found is None or not hmac.compare_digest(found[1], key.digest):
            raise keys.refusal()
        record, now = found[0], self._clock.time()
        if record.expires_at is not None and record.expires_at <= now:
            raise keys.refusal()
        with suppress(Unavailable):
            await self._stored.mark_used(key.key_id, now)
        return record

    async def set_tier(self, key_id: str, tier: str, caller: Caller) -> None:
        """Let a key draw on another budget. Raises NotFound, or InvalidInput for what cannot be a tier's name."""
        check(tier="" if TIER.fullmatch(tier) else "must be lower-case letters, digits and hyphens")
        user_id = await self._stored.set_tier(key_id, tier)
        if user_id is None:
            raise NotFound("there is no such API key")
        await self._audit.record(self._entry(Event.API_KEY_TIER_SET, caller, user_id, key_id))

    async def _announce(self, user_id: str, key_ids: Sequence[str]) -> None:
        if key_ids:
            await self._revocations.announce([Ended(user_id, item, 0, "api_key_revoked") for item in key_ids])

    def _entry(self, event: Event, caller: Caller, user_id: str, key_id: str) -> AuditEntry:
        return entry(event, self._clock, caller, user_id, caller.session_id, key_id)


def _scopes_problem(scopes: Sequence[str], caller: Caller) -> str:
    foreign = sorted(set(scopes) - caller.scopes)
    return f"must be among your own; {', '.join(foreign)[:100]!r} is not" if foreign else ""


def _expiry_problem(expires_at: float | None, now: float) -> str:
    if expires_at is None or now < expires_at <= now + MAX_LIFE:
        return ""
    return "must lie in the future, by ten years at most"
