"""Instruments in PostgreSQL, so that every replica knows what is priced."""

from collections.abc import Sequence

from services.kit.db import Database
from services.prices.domain.instruments import Instrument

DELETE_OTHERS = "DELETE FROM prices.instruments WHERE venue = $1 AND symbol <> ALL($2::text[])"

UPSERT = """
INSERT INTO prices.instruments (venue, symbol, native, base, quote, digits, bridged)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::boolean[])
ON CONFLICT (symbol, venue) DO UPDATE SET
  native = excluded.native, base = excluded.base, quote = excluded.quote,
  digits = excluded.digits, bridged = excluded.bridged
"""

SELECT = "SELECT venue, native, base, quote, digits, bridged FROM prices.instruments ORDER BY symbol, venue"


class InstrumentStore:
    """What the venues list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, instruments: Sequence[Instrument]) -> None:
        """Store what one venue lists now; what it lists no longer goes. Raises Unavailable."""
        rows = [
            (item.venue, item.symbol, item.native, item.base, item.quote, item.digits, item.bridged)
            for item in instruments
        ]
        symbols = [item.symbol for item in instruments]
        async with self._database.transaction() as connection:
            await connection.execute(DELETE_OTHERS, instruments[0].venue, symbols)
            await connection.execute(UPSERT, *[list(column) for column in zip(*rows, strict=True)])

    async def read(self) -> list[Instrument]:
        """What all venues list, sorted by symbol and venue. Raises Unavailable."""
        rows = await self._database.fetch(SELECT)
        return [Instrument(**dict(row)) for row in rows]
