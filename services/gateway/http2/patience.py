"""How long a client may take when it is its turn."""


class Patience:
    """In each span of its turn, a client has to move so many bytes."""

    __slots__ = ("_moved", "_since")

    def __init__(self) -> None:
        self._since: float | None = None
        self._moved = 0

    def lost(self, now: float, span: float, least: int, moved: int, *, its_turn: bool) -> bool:
        """Whether the client has moved fewer than `least` bytes in the last `span` seconds (0: for ever) of its turn.

        `moved` is what it has moved since the beginning.
        """
        if not its_turn or not span:
            self._since = None
            return False
        if self._since is not None and now - self._since < span:
            return False
        lost = self._since is not None and moved - self._moved < least
        self._since, self._moved = now, moved
        return lost
