"""What can go wrong around every statement, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from services.kit.errors import Unavailable
from services.prices.cancellation import pass_on_cancellation


@contextmanager
def statement() -> Iterator[None]:
    """A statement that needs our tables. Raises Unavailable while the migrations are not applied."""
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise Unavailable("the tables are being created") from error
    except Unavailable as error:
        pass_on_cancellation(error)
        raise
