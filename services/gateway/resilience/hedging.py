"""Two calls for one question: whichever answers first."""

import asyncio

from services.kit.errors import DeadlineExceeded, Unavailable


async def first_answer(first: "asyncio.Task[bytes]", second: "asyncio.Task[bytes]") -> bytes:
    """What ends well first; the error of the last one when neither does."""
    done, pending = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        if task.exception() is None:
            return task.result()
    failed = done.pop()
    if not pending or not isinstance(failed.exception(), Unavailable | DeadlineExceeded):
        return failed.result()  # the last word, or the service's own verdict: the other would say the same
    return await asyncio.shield(pending.pop())
