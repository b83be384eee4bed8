"""Which passwords are accepted (NIST SP 800-63B-4 3.1.1.2, OWASP ASVS 5.0 V6.2).

Length decides; there are no composition rules. Refused besides: what is little more than the account's own address,
and what is little more than the commonest words and keyboard runs. A password is taken verbatim, each Unicode
character counts as one.
"""

import re
from importlib import resources

MIN_LENGTH = 15  # characters; ASVS 6.2.1 for passwords without a second factor
MAX_LENGTH = 128
MIN_OWN_CHARACTERS = 4  # what must remain when everything guessable is taken away
MIN_RUN = 3  # characters of a run that count as one, as in "123"

COMMON_WORDS = frozenset(resources.files(__package__).joinpath("common_words.txt").read_text("utf-8").split())
RUNS = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik",
    "q1w2e3r4t5y6u7i8o9p0",
    "!@#$%^&*()_+",
)
_REPEATED = re.compile(r"(.{1,6}?)\1{2,}", re.DOTALL)


def problem(password: str, email: str = "") -> str:
    """What is wrong with a password for the account with this address; empty when nothing is."""
    if not password:
        return "is required"
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"must have {MIN_LENGTH} to {MAX_LENGTH} characters, not {len(password)}"
    folded = password.casefold()
    if len(_without_words(folded, _parts_of(email.casefold()))) < MIN_OWN_CHARACTERS:
        return "is too similar to the e-mail address"
    if len(_without_common(folded)) < MIN_OWN_CHARACTERS:
        return "is too easy to guess: common words, runs of keys or repetitions"
    return ""


def _parts_of(email: str) -> frozenset[str]:
    return frozenset(part for part in re.split(r"[^\w]+|_", email) if len(part) >= MIN_RUN)


def _without_common(text: str) -> str:
    """What is left without common words, runs and repetitions: the least that its owner has thought of."""
    return _without_runs(_REPEATED.sub("", _without_words(text, COMMON_WORDS)))


def _without_words(text: str, words: frozenset[str]) -> str:
    for word in sorted(words, key=lambda word: (-len(word), word)):
        text = text.replace(word, "")
    return text


def _without_runs(text: str) -> str:
    left, position = "", 0
    while position < len(text):
        length = _run_at(text, position)
        left += "" if length else text[position]
        position += length or 1
    return left


def _run_at(text: str, position: int) -> int:
    """The length of the run that starts here; 0 if none does."""
    for end in range(len(text), position + MIN_RUN - 1, -1):
        if any(text[position:end] in run for run in RUNS):
            return end - position
    return 0
