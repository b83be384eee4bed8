"""The form of API keys, which whoever is shown one can check without asking anybody.

    cv_live_<16 hexadecimal digits: its id>_<49 letters and digits: its secret>

The last six characters of the secret are a CRC-32 of all that stands before them, so that mistyped keys are refused
where they are shown and secret scanners tell a key from what only looks like one. The rest of it holds 256 random bits,
which is why a plain SHA-256 of a key is enough to keep. The ideas of prefix and checksum are those of GitHub's tokens.
"""

import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from hashlib import sha256

from services.kit.errors import Unauthenticated

PREFIX = "cv_live_"
ID_BYTES = 8
SECRET_LENGTH = 43  # characters of base 62: 256 bits
CHECKSUM_LENGTH = 6  # characters of base 62: 32 bits and more
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase

KEPT_SECONDS = 300.0  # that whoever has resolved a key may go on with it while auth is away

_FORM = re.compile(rf"{PREFIX}([0-9a-f]{{{2 * ID_BYTES}}})_[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What may be known of a key, and kept, without being able to show it."""

    key_id: str
    digest: bytes = field(repr=False)  # SHA-256 of the whole key


def generate() -> tuple[str, ApiKey]:
    """A new key, and what is kept of it."""
    key_id = secrets.token_hex(ID_BYTES)
    begin = prefix_of(key_id) + "_" + "".join(secrets.choice(DIGITS) for _ in range(SECRET_LENGTH))
    text = begin + _checksum(begin)
    return text, ApiKey(key_id, digest_of(text))


def parse(text: str) -> ApiKey:
    """What a client shows. Raises Unauthenticated if it cannot be a key of ours."""
    match = _FORM.fullmatch(text)
    if match is None or _checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        raise refusal()
    return ApiKey(match[1], digest_of(text))


def refusal() -> Unauthenticated:
    """The one answer for keys that are malformed, unknown, revoked or expired."""
    return Unauthenticated("the API key is not valid", reason="api_key_invalid")


def digest_of(text: str) -> bytes:
    """What is kept of a key."""
    return sha256(text.encode(errors="replace")).digest()


def prefix_of(key_id: str) -> str:
    """What a key begins with, up to its secret."""
    return PREFIX + key_id


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(DIGITS))
        digits = DIGITS[rest] + digits
    return digits
