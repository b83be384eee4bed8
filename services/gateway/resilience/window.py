"""Counts of the last seconds."""

from collections.abc import Callable, Sequence

BUCKETS = 10


class Window:
    """A few counters over the last `seconds`, which forget in steps of a tenth."""

    def __init__(self, counters: int, now: Callable[[], float], seconds: float = 10.0) -> None:
        self._now = now
        self._width = seconds / BUCKETS
        self._empty = [0] * counters
        self._buckets = [self._empty] * BUCKETS
        self._totals = [0] * counters
        self._turn = 0

    def add(self, counter: int) -> None:
        """Count one."""
        self._forget()
        self._buckets[self._turn % BUCKETS][counter] += 1
        self._totals[counter] += 1

    def totals(self) -> Sequence[int]:
        """What was counted, by counter."""
        self._forget()
        return self._totals

    def clear(self) -> None:
        """Forget everything."""
        self._turn = 0

    def _forget(self) -> None:
        """Make room for the present tenth, and for those without a count before it."""
        turn = int(self._now() / self._width)
        if turn == self._turn:
            return
        for step in range(max(self._turn + 1, turn - BUCKETS + 1), turn + 1):
            self._buckets[step % BUCKETS] = self._empty.copy()
        self._turn = turn
        self._totals = [sum(column) for column in zip(*self._buckets, strict=True)]
