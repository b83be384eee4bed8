"""Which passwords are accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain import password_policy

EMAIL = "alice.miller@example.com"


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "all lower case, no digits",
        "CorrectHorseBatteryStaple1!",
        "a-long-enough-password",
        "test-password-12345",
        "ключ от всех дверей",
        "x" + " " * 10 + "qmtw",
        "alice walks her seven dogs",
        "0987 fits in my pocket",
    ],
)
def test_length_is_enough(password):
    assert password_policy.problem(password, EMAIL) == ""


@pytest.mark.parametrize("length", [1, 14, 129, 5000])
def test_too_short_and_too_long_are_refused(length):
    assert "15 to 128" in password_policy.problem("ab1cd2ef3"[:length].ljust(length, "q"), EMAIL)


def test_each_character_counts_once_whatever_its_bytes():
    assert password_policy.problem("наш тайный ключ"[:15], EMAIL) == ""


@pytest.mark.parametrize("password", ["alice.miller@example.com", "AliceMiller-Example", "miller.example.alice1"])
def test_the_address_itself_is_refused(password):
    assert "similar" in password_policy.problem(password, EMAIL)


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "Password12345678",
        "1234567890123456",
        "qwertyuiopasdfgh",
        "aaaaaaaaaaaaaaa",
        "abcabcabcabcabc1",
        "letmeinletmein12",
        "adminadminadmin!",
        "zyxwvutsrqponmlk",
        "Iloveyou Iloveyou",
    ],
)
def test_what_everybody_tries_first_is_refused(password):
    assert "easy to guess" in password_policy.problem(password, EMAIL)


@given(st.text(max_size=140))
def test_no_text_is_too_strange(text):
    assert isinstance(password_policy.problem(text, EMAIL), str)
