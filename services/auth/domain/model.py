"""What travels between the parts of auth."""

from dataclasses import dataclass, field
from enum import Enum

ADMIN = "admin"  # the scope of administrators


@dataclass(frozen=True, slots=True)
class Account:
    """A user. `epoch` counts how often all sessions were ended at once, as by a password change."""

    user_id: str
    email: str  # as it was given
    display_name: str
    scopes: frozenset[str]
    epoch: int
    verified: bool  # the e-mail address
    created_at: float  # seconds since 1970 UTC


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account with what proves that a client is its user."""

    account: Account
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """The hash that is replaced, and the one that replaces it."""

    old_hash: str = field(repr=False)
    new_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in device, as its user sees it."""

    session_id: str
    user_agent: str
    ip: str
    created_at: float  # seconds since 1970 UTC
    last_seen_at: float


class Ending(Enum):
    """What became of the wish to end a session or an API key."""

    NOW = "now"
    BEFORE = "before"  # it had ended already
    UNKNOWN = "unknown"  # the account has no such thing


@dataclass(frozen=True, slots=True)
class Grant:
    """What a session entitles to at this moment: the content of the next pair of tokens."""

    user_id: str
    session_id: str
    scopes: frozenset[str]
    epoch: int
    counter: int  # which refresh token of the session is the current one


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client is given."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int  # seconds
    session_id: str


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """An API key as its owner sees it. Moments are seconds since 1970 UTC, None: never."""

    key_id: str
    user_id: str
    name: str
    scopes: frozenset[str]
    tier: str
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What counts no longer: one session or API key, or (session_id empty) all sessions from before `epoch`."""

    user_id: str
    session_id: str  # or the id of an API key, which never looks like one of a session
    epoch: int
    reason: str
    expires_at: float = 0.0  # seconds since 1970 UTC; when the last access token concerned has expired
