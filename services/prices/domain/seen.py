"""Which numbers of a rising series were there already, remembered exactly in little memory."""

from bisect import bisect_right

MAXIMUM_RANGES = 500


class SeenNumbers:
    """A set of whole numbers kept as ranges: an unbroken series of any length takes the place of one.

    When too many holes are open the lowest one is given up: its numbers then count as seen.
    """

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, number: int) -> bool:
        """Note a number. False when it was there already."""
        after = bisect_right(self._starts, number)
        if after and number <= self._ends[after - 1]:
            return False
        touches_left = after > 0 and self._ends[after - 1] == number - 1
        touches_right = after < len(self._starts) and self._starts[after] == number + 1
        if touches_left and touches_right:
            self._join(after)
        elif touches_left:
            self._ends[after - 1] = number
        elif touches_right:
            self._starts[after] = number
        else:
            self._insert(after, number)
        return True

    def _insert(self, position: int, number: int) -> None:
        self._starts.insert(position, number)
        self._ends.insert(position, number)
        if len(self._starts) > MAXIMUM_RANGES:
            self._join(1)

    def _join(self, position: int) -> None:
        """Make one range of the one at `position` and the one before it."""
        self._ends[position - 1] = self._ends.pop(position)
        del self._starts[position]
