"""The chain of the audit log."""

from dataclasses import replace

import pytest

from services.auth.domain.audit import GENESIS, AuditEntry, Chain, Event, SealedEntry, content_of, seal


def log(length: int) -> list[SealedEntry]:
    entries, previous = [], GENESIS
    for number in range(1, length + 1):
        content = content_of(AuditEntry(Event.SIGNED_IN, float(number), f"u{number}"))
        previous = seal(previous, number, content)
        entries.append(SealedEntry(number, content, previous))
    return entries


def fitting(entries: list[SealedEntry]) -> int:
    """How many entries fit before the first that does not."""
    chain = Chain()
    for entry in entries:
        if not chain.follows(entry):
            break
    return chain.number


def test_a_whole_log_fits():
    assert fitting(log(5)) == 5


@pytest.mark.parametrize("position", range(4))
def test_a_changed_entry_does_not_fit(position):
    entries = log(5)
    entries[position] = replace(entries[position], content=entries[position].content.replace("u", "v"))

    assert fitting(entries) == position


@pytest.mark.parametrize("position", range(4))
def test_a_removed_entry_is_missed(position):
    entries = log(5)
    del entries[position]

    assert fitting(entries) == position


def test_resealing_one_entry_breaks_the_next():
    entries = log(3)
    content = entries[1].content.replace("u2", "u9")
    entries[1] = SealedEntry(2, content, seal(entries[0].seal, 2, content))

    assert fitting(entries) == 2
