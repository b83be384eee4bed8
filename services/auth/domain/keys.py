"""Which signing key is used when.

A key is published before it signs, so that verifiers know it in time, and stays published until the last token it
signed has expired. Everything follows from the moment each key becomes active.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from services.kit.errors import Unavailable

SECRET_BYTES = 32  # an Ed25519 seed, an HMAC-SHA-256 key, an AES-256 key
LEAD = 600.0  # seconds a key is published before it signs: ten times as long as the gateway caches the key set
MARGIN = 60.0  # seconds that clocks may differ


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair."""

    key_id: str
    seed: bytes = field(repr=False)  # the private key, RFC 8032 5.1.5
    active_from: float  # seconds since 1970 UTC


class KeyRing:
    """All signing keys, old to new."""

    def __init__(self, keys: Iterable[SigningKey], token_life: float) -> None:
        self._keys = tuple(sorted(keys, key=lambda key: (key.active_from, key.key_id)))
        self._token_life = token_life

    def active(self, now: float) -> SigningKey:
        """The key that signs. Raises Unavailable if there is none."""
        for key in reversed(self._keys):
            if key.active_from <= now:
                return key
        raise Unavailable("there is no signing key yet", retry_after=1.0)

    def published(self, now: float) -> tuple[SigningKey, ...]:
        """The keys that verifiers must know: next, active, and retired ones whose tokens may live."""
        oldest = now - self._token_life - MARGIN
        retired = {old.key_id for old, new in pairwise(self._keys) if new.active_from <= oldest}
        return tuple(key for key in self._keys if key.key_id not in retired)

    def needs_next(self, now: float, period: float) -> bool:
        """Whether it is time to make another key: the newest one has been, or will be, in use for `period`."""
        return not self._keys or self._keys[-1].active_from + period <= now + LEAD


def encryption_key(text: str) -> bytes:
    """32 bytes from base64. Raises ValueError for anything else."""
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("must be 32 bytes in base64") from error
    if len(key) != SECRET_BYTES:
        raise ValueError(f"must be {SECRET_BYTES} bytes in base64, not {len(key)}")
    return key
