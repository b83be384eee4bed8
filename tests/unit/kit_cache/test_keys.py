"""Keys, levels and patterns."""

import pytest

from services.kit.cache.keys import MAX_LEVELS, Pattern, levels, parse_pattern
from services.kit.errors import InvalidInput


def test_the_levels_of_a_key_end_at_its_colons():
    assert levels("user:123:orders") == ["", "user:", "user:123:"]
    assert levels("plain") == [""]


def test_only_so_many_levels_are_checked_however_many_colons_a_key_has():
    assert len(levels("a:" * 50)) == MAX_LEVELS + 1


@pytest.mark.parametrize(
    ("pattern", "level"), [("*", ""), ("user:*", "user:"), ("user:12*", "user:"), ("us*", ""), ("a:b:*", "a:b:")]
)
def test_a_prefix_is_widened_to_the_level_around_it(pattern, level):
    assert parse_pattern(pattern).level == level


def test_a_pattern_without_a_star_is_one_key():
    assert parse_pattern("user:123") == Pattern(key="user:123")


@pytest.mark.parametrize("pattern", ["", "*:1", "user:*:x", "user:?", "user:[ab]*", "a**", "x" * 600])
def test_any_other_glob_is_refused_with_the_field_named(pattern):
    with pytest.raises(InvalidInput) as refusal:
        parse_pattern(pattern)
    assert refusal.value.fields[0].field == "pattern"


def test_a_pattern_reads_as_it_was_written():
    assert [str(parse_pattern(text)) for text in ("user:1", "user:*", "*")] == ["user:1", "user:*", "*"]
