"""What can go wrong around every statement, in one place."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from services.kit.errors import Unavailable


@contextmanager
def statement() -> Iterator[None]:
    """A statement that needs our tables. Raises Unavailable while the migrations are not applied.

    A task that is cancelled while it waits for a connection may be told "timed out" in place of "cancelled"; it would
    then run on for ever and keep the process from stopping.
    """
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise Unavailable("the tables are being created") from error
    except Unavailable as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise
