"""Requests begin in turns: one of each connection after the other, and only so many in a turn of the loop."""

import asyncio
from collections import Counter

import pytest

from services.gateway.http2.statistics import Event
from services.gateway.http2.turns import Turns


class Busy:
    """A connection that has asked for so much at once."""

    def __init__(self, name, requests, begun):
        self.name = name
        self.requests = requests
        self.begun = begun

    def begin_next(self):
        self.requests -= 1
        self.begun.append(self.name)
        return self.requests > 0


@pytest.fixture
def begun():
    return []


async def turn():
    await asyncio.sleep(0)


async def test_a_request_begins_at_once_when_nobody_waits(begun):
    Turns(asyncio.get_running_loop(), 4, Counter()).join(Busy("a", 1, begun))
    assert begun == ["a"]


async def test_what_is_above_the_measure_waits_for_the_next_turn(begun):
    events = Counter()
    Turns(asyncio.get_running_loop(), 4, events).join(Busy("a", 6, begun))
    assert begun == ["a"] * 4
    await turn()
    assert begun == ["a"] * 6
    assert events[Event.DEFERRALS] == 0


async def test_who_asks_once_does_not_wait_for_all_that_others_have_asked_for(begun):
    turns = Turns(asyncio.get_running_loop(), 4, Counter())
    turns.join(Busy("a", 100, begun))
    turns.join(Busy("b", 100, begun))
    turns.join(Busy("newcomer", 1, begun))
    await turn()
    assert begun == [*"aaaa", *"ab", "newcomer", "a"]


async def test_all_are_begun_in_the_end_and_the_turns_that_left_some_are_counted(begun):
    events = Counter()
    turns = Turns(asyncio.get_running_loop(), 2, events)
    for name in "abc":
        turns.join(Busy(name, 3, begun))
    async with asyncio.timeout(5):
        while len(begun) < 9:
            await turn()
    assert Counter(begun) == {"a": 3, "b": 3, "c": 3}
    assert events[Event.DEFERRALS] == 3


async def test_the_measure_is_whole_again_after_a_turn(begun):
    turns = Turns(asyncio.get_running_loop(), 2, Counter())
    turns.join(Busy("a", 2, begun))
    await turn()
    turns.join(Busy("b", 2, begun))
    assert begun == ["a", "a", "b", "b"]
