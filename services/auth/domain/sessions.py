"""Sessions: opened by a sign-in, carried on by refresh tokens, ended by their user or by a reused token."""

import re
import secrets
from collections.abc import Sequence

from services.auth.domain import refresh_token
from services.auth.domain.audit import AuditEntry, Event
from services.auth.domain.model import Account, Ended, Ending, Grant, Session, TokenPair
from services.auth.domain.ports import Audit, Revocations, Sessions, Tokens
from services.auth.domain.refresh_token import RefreshToken, RefreshTokenReused
from services.kit.caller import Caller
from services.kit.clock import Clock
from services.kit.errors import NotFound

SESSION_ID_BYTES = 16
SESSION_ID = re.compile(r"[0-9a-f]{32}")


class SessionDesk:
    """Opens, refreshes and ends sessions. Every end is announced to all verifiers."""

    def __init__(
        self, sessions: Sessions, revocations: Revocations, tokens: Tokens, audit: Audit, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._revocations = revocations
        self._tokens = tokens
        self._audit = audit
        self._clock = clock

    async def open(self, account: Account, caller: Caller) -> TokenPair:
        """Start a session for a client that has shown who it is."""
        session_id = secrets.token_hex(SESSION_ID_BYTES)
        grant, displaced = await self._sessions.open(account, session_id, caller)
        await self._announce(account.user_id, displaced, account.epoch, "too_many_sessions")
        return self._pair(grant)

    async def refresh(self, text: str, caller: Caller) -> TokenPair:
        """The next pair of tokens. Raises Unauthenticated when the token counts no longer."""
        token = refresh_token.decode(text, self._tokens.refresh_secret())
        try:
            grant = await self._sessions.refresh(token.user_id, token.session_id, token.counter)
        except RefreshTokenReused:
            self._note(Event.REFRESH_TOKEN_REUSED, token.user_id, token.session_id, caller)
            await self._announce(token.user_id, [token.session_id], 0, "reuse")
            raise
        return self._pair(grant)

    async def sign_out(self, caller: Caller) -> None:
        """End the caller's own session; no error if it has ended before."""
        user_id = caller.require_user()
        await self._sessions.end(user_id, caller.session_id, "logout")
        await self._announce(user_id, [caller.session_id], 0, "logout")
        self._note(Event.SIGNED_OUT, user_id, caller.session_id, caller)

    async def end(self, session_id: str, caller: Caller) -> None:
        """End one of the caller's sessions. Raises NotFound if there is no such live session."""
        user_id = caller.require_user()
        if not SESSION_ID.fullmatch(session_id):
            raise NotFound("there is no such session")
        ending = await self._sessions.end(user_id, session_id, "ended_by_user")
        if ending is not Ending.UNKNOWN:  # again if it ended before: the announcement may have failed then
            await self._announce(user_id, [session_id], 0, "ended_by_user")
        if ending is not Ending.NOW:
            raise NotFound("there is no such session")
        self._note(Event.SESSION_ENDED, user_id, session_id, caller)

    async def end_others(self, user_id: str, keep: str, epoch: int, reason: str) -> None:
        """End all sessions of an account but one, which enters the new epoch."""
        ended = await self._sessions.end_others(user_id, keep, epoch, reason)
        await self._announce(user_id, ended, epoch, reason)

    async def end_all(self, user_id: str, epoch: int, reason: str) -> None:
        """End all sessions of an account, and with them every token from before `epoch`."""
        await self._sessions.end_others(user_id, "", epoch, reason)
        await self._revocations.announce([Ended(user_id, "", epoch, reason)])

    async def list(self, caller: Caller) -> Sequence[Session]:
        """The caller's live sessions, newest first."""
        return await self._sessions.list(caller.require_user())

    async def _announce(self, user_id: str, session_ids: Sequence[str], epoch: int, reason: str) -> None:
        if session_ids:
            await self._revocations.announce([Ended(user_id, item, epoch, reason) for item in session_ids])

    def _pair(self, grant: Grant) -> TokenPair:
        access_token, life = self._tokens.access_token(grant)
        token = RefreshToken(grant.user_id, grant.session_id, grant.counter)
        refresh = refresh_token.encode(token, self._tokens.refresh_secret())
        return TokenPair(access_token, refresh, life, grant.session_id)

    def _note(self, event: Event, user_id: str, session_id: str, caller: Caller) -> None:
        self._audit.note(entry(event, self._clock, caller, user_id, session_id))


def entry(
    event: Event, clock: Clock, caller: Caller, user_id: str = "", session_id: str = "", key_id: str = ""
) -> AuditEntry:
    """An audit entry for what a caller did."""
    return AuditEntry(
        event, clock.time(), user_id, session_id, caller.client_ip, caller.user_agent, caller.request_id, key_id
    )
