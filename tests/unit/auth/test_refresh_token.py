"""The form of refresh tokens."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.refresh_token import RefreshToken, decode, encode
from services.kit.errors import Unauthenticated

SECRET = bytes(range(32))
TOKEN = RefreshToken(str(UUID(int=7)), "0123456789abcdef" * 2, 41)


@given(st.uuids(), st.binary(min_size=16, max_size=16), st.integers(0, 2**64 - 1))
def test_a_token_says_what_it_was_made_from(user, session, counter):
    token = RefreshToken(str(user), session.hex(), counter)

    assert decode(encode(token, SECRET), SECRET) == token


@given(st.integers(0, 78), st.sampled_from("ABCxyz019-_.é="))
def test_changing_any_character_makes_it_invalid(position, character):
    text = encode(TOKEN, SECRET)
    changed = text[:position] + character + text[position + 1 :]
    if changed != text:
        with pytest.raises(Unauthenticated):
            decode(changed, SECRET)
    assert decode(text, SECRET) == TOKEN


@given(st.text(max_size=100))
def test_what_was_not_made_here_is_refused(text):
    with pytest.raises(Unauthenticated):
        decode(text, SECRET)


def test_another_secret_refuses_it():
    with pytest.raises(Unauthenticated):
        decode(encode(TOKEN, SECRET), bytes(32))
