"""Which e-mail addresses are accepted, and when two are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain import email


@pytest.mark.parametrize(
    "address",
    ["a@b.co", "first.last+tag@sub.example.com", "ünï@exämple.com", "o'brien@example.com", " padded@example.com "],
)
def test_addresses_of_good_form_are_accepted(address):
    assert email.problem(address) == ""


@pytest.mark.parametrize(
    "address",
    [
        *["", " ", "nobody", "@example.com", "a@", "a@b", "a b@example.com", "a@@example.com", "a@-x.com", "a@x..com"],
        *[
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a@[127.0.0.1]",
            "a\0@example.com",
            "a@exa\nmple.com",
        ],
        *["a" * 65 + "@example.com", "a@" + "b" * 64 + ".com", "a@" + "bcd." * 70 + "com", "<a@example.com>"],
    ],
)
def test_what_is_no_address_is_refused_in_words(address):
    assert email.problem(address)


@pytest.mark.parametrize("other", ["NAME@EXAMPLE.COM", " name@example.com", "ｎａｍｅ@example.com"])
def test_an_address_is_the_same_however_it_is_written(other):
    assert email.normalise(other) == email.normalise("name@example.com")


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text):
    assert isinstance(email.problem(text), str)
    assert email.normalise(email.normalise(text)) == email.normalise(text)
