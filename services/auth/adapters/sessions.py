"""The state of sessions in Redis, and nowhere else: when it is lost, everybody signs in again.

All keys of a user carry the same hash tag, so they lie together in a Redis Cluster.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.auth.adapters import session_scripts
from services.auth.domain.model import Account, Ending, Grant, Session
from services.auth.domain.refresh_token import RefreshTokenReused
from services.kit.caller import Caller
from services.kit.errors import Unauthenticated
from services.kit.store import Script, Store, Value

logger = logging.getLogger(__name__)

MAX_SESSIONS = 50  # of one account; the oldest ends when another begins
EPOCH_MEMORY = 60_000  # ms; a sign-in takes less
MAX_CALLS = 48  # at once: the rest wait here, since the connection pool refuses what it cannot serve


@dataclass(frozen=True)
class SessionRules:
    """How long sessions live and spent tokens are forgiven, in seconds."""

    idle: float
    life: float
    grace: float


class RedisSessions:
    """Implements the port Sessions."""

    def __init__(self, store: Store, rules: SessionRules) -> None:
        self._rules = rules
        self._room = asyncio.Semaphore(MAX_CALLS)
        self._open = store.script(session_scripts.OPEN)
        self._refresh = store.script(session_scripts.REFRESH)
        self._end = store.script(session_scripts.END)
        self._end_others = store.script(session_scripts.END_OTHERS)
        self._list = store.script(session_scripts.LIST)

    async def open(self, account: Account, session_id: str, caller: Caller) -> tuple[Grant, Sequence[str]]:
        """Start a session; also the ids of older ones that ended because there were too many."""
        user = account.user_id
        rules = (_milliseconds(self._rules.idle), _milliseconds(self._rules.life), MAX_SESSIONS, _session_key(user, ""))
        client = (caller.client_ip, caller.user_agent)
        outcome, *displaced = await self._call(
            self._open,
            (_session_key(user, session_id), _sessions_key(user), _epoch_key(user)),
            (session_id, account.epoch, " ".join(sorted(account.scopes)), *client, *rules),
        )
        if outcome == b"stale":
            raise Unauthenticated("the password was changed meanwhile", reason="credentials_invalid")
        grant = Grant(user, session_id, account.scopes, account.epoch, counter=0)
        return grant, [item.decode() for item in displaced]

    async def refresh(self, user_id: str, session_id: str, counter: int) -> Grant:
        """Advance the session's counter, or repeat its state."""
        outcome, *state = await self._call(
            self._refresh,
            (_session_key(user_id, session_id), _sessions_key(user_id)),
            (session_id, counter, _milliseconds(self._rules.grace), _milliseconds(self._rules.idle)),
        )
        if outcome in (b"rotated", b"repeated"):
            current, epoch, scopes = state
            return Grant(user_id, session_id, frozenset(scopes.decode().split()), int(epoch), int(current))
        if outcome == b"reused":
            raise RefreshTokenReused("the refresh token was used before", reason="refresh_token_reused")
        if outcome == b"future":
            logger.warning("a refresh token is ahead of its session: Redis has lost writes")
        raise Unauthenticated("the session has ended", reason="session_ended")

    async def end(self, user_id: str, session_id: str, reason: str) -> Ending:
        """End a session of this account."""
        keys = (_session_key(user_id, session_id), _sessions_key(user_id))
        answer: bytes = await self._call(self._end, keys, (session_id, reason))
        return Ending(answer.decode())

    async def end_others(self, user_id: str, keep: str, epoch: int, reason: str) -> Sequence[str]:
        """End all sessions but `keep`, which enters the new epoch; returns the ids of those ended."""
        ended = await self._call(
            self._end_others,
            (_sessions_key(user_id), _epoch_key(user_id)),
            (keep, epoch, reason, _session_key(user_id, ""), EPOCH_MEMORY),
        )
        return [item.decode() for item in ended]

    async def list(self, user_id: str) -> Sequence[Session]:
        """The live sessions, newest first."""
        rows = await self._call(self._list, (_sessions_key(user_id),), (_session_key(user_id, ""),))
        return [_session(*row) for row in rows]

    async def _call(self, script: Script, keys: Sequence[str], args: Sequence[Value]) -> Any:
        async with self._room:
            return await script(keys, args)


def _session(session_id: bytes, user_agent: bytes, ip: bytes, created_at: bytes, seen_at: bytes) -> Session:
    return Session(session_id.decode(), user_agent.decode(), ip.decode(), int(created_at) / 1000, int(seen_at) / 1000)


def _session_key(user_id: str, session_id: str) -> str:
    return f"cv:auth:session:{{{user_id}}}:{session_id}"


def _sessions_key(user_id: str) -> str:
    return f"cv:auth:sessions:{{{user_id}}}"


def _epoch_key(user_id: str) -> str:
    return f"cv:auth:epoch:{{{user_id}}}"


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
