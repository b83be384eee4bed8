"""Keys, their levels, and the patterns that name many of them.

A key is words parted by colons, such as `user:123:orders`. Its levels are the prefixes that end at a colon: the empty
prefix, `user:` and `user:123:`. A whole level is forgotten in one step by giving it a new generation, so a pattern that
stops inside a word (`user:12*`) is widened to the level around it (`user:*`): a cache may always forget too much,
never too little.
"""

from dataclasses import dataclass

from services.kit.errors import FieldError, InvalidInput

MAX_LEVELS = 4  # besides the empty prefix; bounds what a read has to check
MAX_KEY_LENGTH = 512  # characters
SEPARATOR = ":"
GLOB_SIGNS = frozenset("*?[]\\")


@dataclass(frozen=True)
class Pattern:
    """What to forget: one key, or every key that begins with `prefix`."""

    key: str | None
    prefix: str = ""

    @property
    def level(self) -> str:
        """The level that holds every key of the pattern."""
        return levels(self.prefix)[-1]

    def __str__(self) -> str:
        return f"{self.prefix}*" if self.key is None else self.key


def levels(key: str) -> list[str]:
    """The levels a key lies in, from the widest (the empty prefix) inwards."""
    found = [""]
    end = key.find(SEPARATOR)
    while end >= 0 and len(found) <= MAX_LEVELS:
        found.append(key[: end + 1])
        end = key.find(SEPARATOR, end + 1)
    return found


def parse_pattern(pattern: str) -> Pattern:
    """Read `user:123` (a key) or `user:*` (a prefix). Raises InvalidInput for any other glob."""
    body = pattern.removesuffix("*")
    if not pattern or len(pattern) > MAX_KEY_LENGTH:
        raise _invalid(f"must have 1 to {MAX_KEY_LENGTH} characters")
    if GLOB_SIGNS & set(body):
        raise _invalid('must be a key or a prefix followed by one "*" at its end, such as "user:*"')
    return Pattern(key=None, prefix=body) if pattern.endswith("*") else Pattern(key=pattern)


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(f"The pattern {message}.", fields=(FieldError("pattern", message),))
