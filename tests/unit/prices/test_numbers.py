from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.prices.domain.numbers import midpoint, places, plain, round_up

prices = st.decimals(min_value="0.00000001", max_value="1000000", places=8)


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        ("61837.63000000", 2, "61837.63"),
        ("61837.60000000", 2, "61837.60"),
        ("0.00001305", 2, "0.00001305"),
        ("1E+3", 0, "1000"),
        ("1E-8", 0, "0.00000001"),
        ("0", 2, "0.00"),
    ],
)
def test_decimals_are_written_without_exponent_and_with_all_their_digits(value, digits, written):
    assert plain(Decimal(value), digits) == written


@given(prices, st.integers(0, 8))
def test_writing_a_decimal_never_changes_it(value, digits):
    assert Decimal(plain(value, digits)) == value


@given(prices, prices)
def test_the_midpoint_lies_between_the_two(one, other):
    low, high = sorted((one, other))
    assert low <= midpoint(low, high, max(places(low), places(high))) <= high


def test_rounding_up_never_makes_a_band_narrower():
    assert round_up(Decimal("0.0050001"), 3) == Decimal("0.006")
