"""The time before our tables exist: migrations run while the service starts."""

import asyncpg

from services.kit.errors import Unavailable

NOT_THERE_YET = (Unavailable, asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)
RETRY_INTERVAL = 0.5  # seconds
