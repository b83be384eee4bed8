"""The refresh token: opaque to clients, and checked here without a look-up before Redis hears of it.

    cv_<base64url of: version, user id, session id, counter, MAC>

The counter says how often the session was refreshed; Redis keeps only the current one. The MAC (HMAC-SHA-256,
truncated to 128 bits as RFC 2104 section 5 allows) is made with a secret that only auth has, so a copy of Redis
yields no token. The idea of a counter in place of stored tokens is that of Supabase Auth (version 2 of its refresh
tokens).
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from uuid import UUID

from services.kit.errors import Unauthenticated

PREFIX = "cv_"
VERSION = 1
MAC_LENGTH = 16  # bytes
_LAYOUT = struct.Struct(">B16s16sQ")  # 41 bytes, with the MAC 57: base64 without padding
_LENGTH = len(PREFIX) + (_LAYOUT.size + MAC_LENGTH) // 3 * 4


class RefreshTokenReused(Unauthenticated):
    """A spent refresh token came back after its time of grace: somebody else may hold it, so the session has ended."""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Which session a token belongs to, and which of the session's tokens it is."""

    user_id: str
    session_id: str  # 32 hexadecimal digits
    counter: int


def encode(token: RefreshToken, secret: bytes) -> str:
    """The token as clients get it."""
    content = _LAYOUT.pack(VERSION, UUID(token.user_id).bytes, bytes.fromhex(token.session_id), token.counter)
    return PREFIX + base64.urlsafe_b64encode(content + _mac(content, secret)).decode()


def decode(text: str, secret: bytes) -> RefreshToken:
    """What the token says. Raises Unauthenticated if it was not made here."""
    try:
        if len(text) != _LENGTH or not text.startswith(PREFIX):
            raise ValueError("no refresh token")
        raw = base64.b64decode(text.removeprefix(PREFIX), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise _refusal() from error
    content, mac = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
    if not hmac.compare_digest(mac, _mac(content, secret)):
        raise _refusal()
    version, user, session, counter = _LAYOUT.unpack(content)
    if version != VERSION:
        raise _refusal()
    return RefreshToken(str(UUID(bytes=user)), session.hex(), counter)


def _mac(content: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"refresh-token:" + content, hashlib.sha256)[:MAC_LENGTH]


def _refusal() -> Unauthenticated:
    return Unauthenticated("the refresh token is not valid", reason="refresh_token_invalid")
