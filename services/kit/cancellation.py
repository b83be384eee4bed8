"""Cancellation that must not get lost."""

import asyncio


def pass_on_cancellation(error: BaseException) -> None:
    """Raise CancelledError if the running task was asked to end while `error` happened.

    An error can overtake a cancellation: a connection pool, for one, may say "timed out" in place of it. A loop that
    goes on after such an error would never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error
