"""Deadlines: what they end, what they leave alone, and what is not begun."""

import asyncio
import contextvars
import time

import pytest

from services.kit import deadline
from services.kit.errors import DeadlineExceeded


async def wait_for_ever() -> None:
    async with deadline.limited():
        await asyncio.Event().wait()


async def test_without_a_deadline_nothing_is_limited():
    deadline.check()
    async with deadline.limited():
        await asyncio.sleep(0)
    assert deadline.left() is None


async def test_what_takes_longer_than_is_left_ends_with_deadline_exceeded():
    with deadline.within(0.02), pytest.raises(DeadlineExceeded):
        await wait_for_ever()
    assert deadline.left() is None


async def test_what_has_expired_is_not_begun():
    begun = False
    with deadline.within(0):
        with pytest.raises(DeadlineExceeded):
            async with deadline.limited():
                begun = True
        with pytest.raises(DeadlineExceeded):
            deadline.check()
    assert not begun


async def test_blocks_inside_one_another_end_as_one():
    with deadline.within(0.02), pytest.raises(DeadlineExceeded):
        async with deadline.limited():
            await wait_for_ever()
    assert asyncio.current_task().cancelling() == 0


async def test_a_failure_within_the_block_stays_what_it_is():
    with deadline.within(60), pytest.raises(TimeoutError):
        async with deadline.limited():
            raise TimeoutError


async def test_a_cancellation_stays_one_even_when_the_time_is_over_as_well():
    async def work() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, time.sleep, 0.05)  # so that both happen in one turn of the loop
        loop.call_later(0.02, asyncio.current_task().cancel)
        with deadline.within(0.03):
            await wait_for_ever()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work())


async def test_a_task_for_several_has_no_deadline_and_keeps_the_rest_of_the_context():
    name = contextvars.ContextVar("name", default="")
    name.set("trace")
    with deadline.within(0):
        context = deadline.lifted()
        assert deadline.left() <= 0
    assert context.run(deadline.left) is None
    assert context.run(name.get) == "trace"
