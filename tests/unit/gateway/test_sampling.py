"""As many requests are recorded as was asked for, however they are answered."""

from itertools import pairwise
from random import Random

import pytest

from services.gateway.pipeline.sampling import Sampler
from services.kit.testing import FakeClock

MANY = 20_000


def recorded(sampler: Sampler, short_cut: bool) -> int:
    """How many of many requests are; a short cut answers those that are not due."""
    count = 0
    for _ in range(MANY):
        if short_cut and not sampler.claims():
            sampler.passed()
        else:
            count += sampler.take()
    return count


@pytest.mark.parametrize("short_cut", [False, True])
def test_the_share_is_what_was_asked_for(short_cut: bool) -> None:
    for share in (0.01, 0.1, 0.5):
        assert recorded(Sampler(share, most=0, random=Random(1)), short_cut) == pytest.approx(MANY * share, rel=0.15)


@pytest.mark.parametrize("short_cut", [False, True])
def test_all_or_none(short_cut: bool) -> None:
    assert recorded(Sampler(1.0, most=0), short_cut) == MANY
    assert recorded(Sampler(0.0), short_cut) == 0


def test_the_distances_are_not_regular() -> None:
    sampler = Sampler(0.1, most=0, random=Random(1))
    taken = [number for number in range(1000) if sampler.take()]
    distances = {after - before for before, after in pairwise(taken)}
    assert len(distances) > 10


@pytest.mark.parametrize("short_cut", [False, True])
def test_no_more_are_recorded_than_so_many_a_second(short_cut: bool) -> None:
    clock = FakeClock()
    sampler = Sampler(0.5, most=20, now=clock.monotonic)
    assert recorded(sampler, short_cut) == 20
    clock.advance(1)
    assert recorded(sampler, short_cut) == 20
