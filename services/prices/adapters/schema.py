"""Tables that are not there yet."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from services.kit.errors import Unavailable


@contextmanager
def migrated() -> Iterator[None]:
    """A statement that needs our tables. Raises Unavailable while the migrations are not applied."""
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise Unavailable("the tables are being created") from error
