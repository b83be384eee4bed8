"""The audit log: what happened, by whom and from where, each entry sealed with the hash of the one before it.

Changing, removing or inserting an entry breaks the chain from there on, which `Chain` finds. Entries hold no e-mail
address, no password and no token.
"""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

GENESIS = bytes(32)  # what the first entry follows


class Event(StrEnum):
    """What is recorded."""

    REGISTERED = "registered"
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    ALL_SESSIONS_ENDED = "all_sessions_ended"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_CHANGE_FAILED = "password_change_failed"
    EMAIL_VERIFIED = "email_verified"
    ADMIN_CREATED = "admin_created"
    API_KEY_CREATED = "api_key_created"
    API_KEY_REVOKED = "api_key_revoked"
    ALL_API_KEYS_REVOKED = "all_api_keys_revoked"
    API_KEY_TIER_SET = "api_key_tier_set"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One event. Empty strings where nothing is known or nothing applies."""

    event: Event
    at: float  # seconds since 1970 UTC
    user_id: str = ""
    session_id: str = ""
    ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    key_id: str = ""  # the API key that it is about


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry in its place in the chain; numbers have no gap."""

    number: int
    content: str
    seal: bytes


def content_of(entry: AuditEntry) -> str:
    """The entry as canonical JSON: what is stored is what is sealed."""
    fields = {name: getattr(entry, name) for name in AuditEntry.__slots__}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"))


def seal(previous: bytes, number: int, content: str) -> bytes:
    """SHA-256 over the previous seal, the number and the content."""
    return hashlib.sha256(previous + number.to_bytes(8) + content.encode()).digest()


class Chain:
    """Checks a log that is given from its beginning; `number` is that of the last entry that fitted."""

    def __init__(self) -> None:
        self.number = 0
        self._seal = GENESIS

    def follows(self, entry: SealedEntry) -> bool:
        """Whether the entry is the next one; False as well for all after one that does not fit."""
        if entry.number != self.number + 1 or entry.seal != seal(self._seal, entry.number, entry.content):
            return False
        self.number, self._seal = entry.number, entry.seal
        return True
