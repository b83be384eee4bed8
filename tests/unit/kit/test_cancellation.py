"""Cancellation: asked again when an error has swallowed it."""

import asyncio

import pytest

from services.kit.cancellation import end, pass_on_cancellation, together


async def deaf_once(heard: list[str]) -> None:
    """Swallows its first cancellation, as a pool that says "timed out" instead does."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        heard.append("swallowed")
    await asyncio.sleep(60)


async def started(heard: list[str]) -> asyncio.Task[None]:
    task = asyncio.create_task(deaf_once(heard))
    await asyncio.sleep(0)
    return task


async def test_a_task_that_swallows_a_cancellation_is_asked_again():
    heard: list[str] = []
    task = await started(heard)
    assert await end([task]) == set()
    assert task.cancelled()
    assert heard == ["swallowed"]


async def test_whoever_does_not_end_is_named():
    task = await started([])
    assert await end([task], attempts=1) == {task}
    await end([task])


async def test_when_one_fails_the_others_are_ended_and_the_failure_is_raised():
    heard: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await together((lambda: deaf_once(heard), fail))
    assert heard == ["swallowed"]


async def test_cancelling_the_whole_ends_every_part():
    heard: list[str] = []
    whole = asyncio.create_task(together((lambda: deaf_once(heard), lambda: deaf_once(heard))))
    await asyncio.sleep(0.01)
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert heard == ["swallowed", "swallowed"]


async def test_an_error_that_hides_a_cancellation_becomes_one():
    async def hide() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass_on_cancellation(TimeoutError("pool"))

    task = asyncio.create_task(hide())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
