"""Which signing key is used when, and how keys are stored."""

import base64

import pytest

from services.auth.adapters.keys import KeysUnreadable, Vault
from services.auth.domain.keys import LEAD, MARGIN, KeyRing, SigningKey, encryption_key
from services.kit.errors import Unavailable

LIFE, WEEK = 600.0, 7 * 24 * 3600.0
OLD, NEW = SigningKey("old", b"", 1000.0), SigningKey("new", b"", 5000.0)
RING = KeyRing([NEW, OLD], LIFE)


def ids(keys) -> list[str]:
    return [key.key_id for key in keys]


def test_the_next_key_is_published_before_it_signs():
    assert RING.active(4999).key_id == "old"
    assert ids(RING.published(4999)) == ["old", "new"]
    assert RING.active(5000).key_id == "new"


def test_a_retired_key_stays_until_its_last_token_has_expired():
    assert ids(RING.published(5000 + LIFE)) == ["old", "new"]
    assert ids(RING.published(5000 + LIFE + MARGIN)) == ["new"]


def test_a_key_is_replaced_in_time():
    assert not RING.needs_next(5000 + WEEK - LEAD - 1, WEEK)
    assert RING.needs_next(5000 + WEEK - LEAD, WEEK)


def test_without_keys_one_is_needed_and_nothing_is_signed():
    empty = KeyRing([], LIFE)
    with pytest.raises(Unavailable):
        empty.active(0)

    assert empty.needs_next(0, WEEK)
    assert empty.published(0) == ()


def test_a_sealed_key_opens_with_its_own_vault_and_id_only():
    stored, sealed = Vault(bytes(32)).seal("k1", b"secret")

    assert sealed
    assert b"secret" not in stored
    assert Vault(bytes(32)).unseal("k1", stored, sealed) == b"secret"
    for vault, key_id in [(Vault(None), "k1"), (Vault(b"1" * 32), "k1"), (Vault(bytes(32)), "k2")]:
        with pytest.raises(KeysUnreadable):
            vault.unseal(key_id, stored, sealed)


def test_without_a_vault_key_the_database_alone_protects():
    assert Vault(None).seal("k1", b"secret") == (b"secret", False)


@pytest.mark.parametrize("text", ["", "no base64!", base64.b64encode(bytes(16)).decode()])
def test_an_encryption_key_has_32_bytes(text):
    with pytest.raises(ValueError, match="32 bytes"):
        encryption_key(text)


def test_keys_never_show_in_a_repr():
    assert "seed" not in repr(SigningKey("k1", b"secret", 0))
