"""What users were sent, as the stream keeps it."""

from collections.abc import Sequence
from typing import Protocol


class Kept(Protocol):
    """A user event in the stream."""

    @property
    def id(self) -> int:
        """Its sequence."""
        ...

    @property
    def data(self) -> bytes:
        """The serialised UserEvent."""
        ...


class History(Protocol):
    """What users were sent."""

    async def after(self, user_id: str, after: int, limit: int) -> Sequence[Kept]:
        """A user's events with a larger id, oldest first. Raises Unavailable."""
        ...
