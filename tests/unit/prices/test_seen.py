from hypothesis import given
from hypothesis import strategies as st

from services.prices.domain.seen import MAXIMUM_RANGES, SeenNumbers


@given(st.lists(st.integers(0, 200)))
def test_a_number_is_new_exactly_once(numbers):
    seen, known = SeenNumbers(), set()
    for number in numbers:
        assert seen.add(number) is (number not in known)
        known.add(number)


def test_when_too_many_holes_are_open_the_lowest_counts_as_seen():
    seen = SeenNumbers()
    for number in range(0, 2 * MAXIMUM_RANGES + 2, 2):
        assert seen.add(number)
    assert not seen.add(1)
    assert seen.add(3)
