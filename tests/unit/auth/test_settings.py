"""The settings of auth."""

import pytest

from services.auth.settings import Settings
from services.kit.settings import SettingsError, describe, load

ADMIN = {"CV_ADMIN_EMAIL": "root@example.com", "CV_ADMIN_PASSWORD": "a long enough passphrase"}


def problems(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(Settings, environ, "auth")
    return "\n".join(caught.value.problems)


def test_nothing_need_be_set():
    settings = load(Settings, {}, "auth")

    assert settings.require_verified_email
    assert (settings.argon2_memory_kib, settings.argon2_passes, settings.argon2_lanes) == (19456, 2, 1)


def test_a_weak_admin_is_refused_before_the_service_starts():
    text = problems(CV_ADMIN_EMAIL="root", CV_ADMIN_PASSWORD="admin")

    assert "CV_ADMIN_EMAIL must be an e-mail address" in text
    assert "CV_ADMIN_PASSWORD must have 15 to 128 characters" in text


def test_an_admin_needs_both_address_and_password():
    assert "together" in problems(CV_ADMIN_EMAIL="root@example.com")


def test_secrets_are_not_shown():
    settings = load(Settings, ADMIN | {"CV_AUTH_KEY_ENCRYPTION_KEY": "A" * 43 + "="}, "auth")

    assert settings.encryption_key == bytes(32)
    assert "passphrase" not in str(describe(settings)) + repr(settings)
    assert "AAAA" not in str(describe(settings)) + repr(settings)


def test_values_that_contradict_each_other_are_named():
    lives = {"CV_AUTH_REFRESH_IDLE_SECONDS": "7200", "CV_AUTH_REFRESH_LIFE_SECONDS": "3600"}
    text = problems(**lives, CV_AUTH_KEY_ENCRYPTION_KEY="x")

    assert "CV_AUTH_REFRESH_IDLE_SECONDS" in text
    assert "CV_AUTH_KEY_ENCRYPTION_KEY must be 32 bytes" in text
