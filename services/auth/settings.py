"""What the auth service is told."""

import os
from dataclasses import dataclass

from services.auth.domain import email, password_policy
from services.auth.domain.api_keys import TIER
from services.auth.domain.keys import encryption_key
from services.kit.settings import CommonSettings, DatabaseSettings, SettingsError, setting
from services.kit.tokens import TokenSettings

DAY = 24 * 3600.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings, DatabaseSettings, TokenSettings):
    """Settings of the auth service. Raises SettingsError when values do not go together."""

    port: int = setting("CV_AUTH_PORT", "gRPC port", default=50051, minimum=1, maximum=65535)
    require_verified_email: bool = setting(
        "CV_AUTH_REQUIRE_VERIFIED_EMAIL",
        "Refuse to sign in accounts whose address is not verified (python -m services.auth verify-email ADDRESS)",
        default=True,
    )
    admin_email: str | None = setting(
        "CV_ADMIN_EMAIL", "Address of the first admin, created at start together with CV_ADMIN_PASSWORD", default=None
    )
    admin_password: str | None = setting("CV_ADMIN_PASSWORD", "Password of the first admin", default=None, secret=True)
    key_encryption_key: str | None = setting(
        "CV_AUTH_KEY_ENCRYPTION_KEY",
        "32 bytes in base64; keys in the database are encrypted with it when set",
        default=None,
        secret=True,
    )
    key_rotation_seconds: float = setting(
        "CV_AUTH_KEY_ROTATION_SECONDS", "How long a signing key serves", default=7 * DAY, minimum=3600
    )
    access_token_seconds: float = setting(
        "CV_AUTH_ACCESS_TOKEN_SECONDS", "Life of access tokens", default=600.0, minimum=30, maximum=3600
    )
    refresh_idle_seconds: float = setting(
        "CV_AUTH_REFRESH_IDLE_SECONDS",
        "A session ends when it is not refreshed for so long",
        default=30 * DAY,
        minimum=60,
    )
    refresh_life_seconds: float = setting(
        "CV_AUTH_REFRESH_LIFE_SECONDS", "A session ends after so long in any case", default=90 * DAY, minimum=60
    )
    refresh_grace_seconds: float = setting(
        "CV_AUTH_REFRESH_GRACE_SECONDS",
        "A spent refresh token still answers with the current one for so long; later it ends the session",
        default=10.0,
        minimum=0,
        maximum=300,
    )
    login_free_failures: int = setting(
        "CV_AUTH_LOGIN_FREE_FAILURES",
        "Failed sign-ins per account and address before they are slowed down",
        default=5,
        minimum=1,
        maximum=100,
    )
    api_keys_per_user: int = setting(
        "CV_AUTH_API_KEYS_PER_USER", "API keys that an account may have", default=25, minimum=0, maximum=1000
    )
    api_key_tier: str = setting(
        "CV_AUTH_API_KEY_TIER", "Budget of new API keys, one of CV_GATEWAY_TIERS", default="free"
    )
    argon2_memory_kib: int = setting(
        "CV_AUTH_ARGON2_MEMORY_KIB", "Memory of a password hash", default=19456, minimum=7168, maximum=1048576
    )
    argon2_passes: int = setting("CV_AUTH_ARGON2_PASSES", "Passes over that memory", default=2, minimum=1, maximum=64)
    argon2_lanes: int = setting("CV_AUTH_ARGON2_LANES", "Lanes of a password hash", default=1, minimum=1, maximum=16)
    hash_workers: int = setting(
        "CV_AUTH_HASH_WORKERS", "Threads that hash passwords; 0: one per core", default=0, minimum=0, maximum=256
    )
    hash_queue: int = setting(
        "CV_AUTH_HASH_QUEUE", "Password hashes that may wait for a thread", default=64, minimum=0, maximum=10000
    )

    def __post_init__(self) -> None:
        problems = [*self._problems_of_admin(), *self._problems_of_encryption_key()]
        if not TIER.fullmatch(self.api_key_tier):
            problems.append("CV_AUTH_API_KEY_TIER must be lower-case letters, digits and hyphens")
        if self.refresh_idle_seconds > self.refresh_life_seconds:
            problems.append("CV_AUTH_REFRESH_IDLE_SECONDS must not be longer than CV_AUTH_REFRESH_LIFE_SECONDS")
        if problems:
            raise SettingsError(problems)

    @property
    def hash_threads(self) -> int:
        """Threads that hash passwords."""
        return self.hash_workers or os.cpu_count() or 1

    @property
    def encryption_key(self) -> bytes | None:
        """The key that encrypts keys, or None."""
        return encryption_key(self.key_encryption_key) if self.key_encryption_key else None

    def _problems_of_admin(self) -> list[str]:
        if self.admin_email is None and self.admin_password is None:
            return []
        if self.admin_email is None or self.admin_password is None:
            return ["CV_ADMIN_EMAIL and CV_ADMIN_PASSWORD must be set together"]
        found = {
            "CV_ADMIN_EMAIL": email.problem(self.admin_email),
            "CV_ADMIN_PASSWORD": password_policy.problem(self.admin_password, self.admin_email),
        }
        return [f"{name} {problem}" for name, problem in found.items() if problem]

    def _problems_of_encryption_key(self) -> list[str]:
        try:
            _ = self.encryption_key
        except ValueError as error:
            return [f"CV_AUTH_KEY_ENCRYPTION_KEY {error}"]
        return []
