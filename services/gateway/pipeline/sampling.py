"""Which requests are recorded: a share of all, at random distances.

The distance to the next one is drawn when one is taken (geometrically, as if each request were drawn by itself), so
whoever passes a request by only counts it. No more than so many are taken in a second: a trace costs as much CPU time
as dozens of kept answers, and a busy gateway tells no more by thousands of them.
"""

import math
import time
from collections.abc import Callable
from random import Random

NEVER = -1


class Sampler:
    """Takes `share` (0 to 1) of the requests, and at most `most` a second (0: any number)."""

    def __init__(
        self, share: float, most: int = 0, random: Random | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._share = share
        self._random = random or Random()
        self._now = now
        self._most = most
        self._second = 0  # of the clock
        self._taken = 0  # in that second
        self._left = self._distance()
        self._claimed = 0  # requests whose `take` is still to come

    def claims(self) -> bool:
        """Whether a request that could be passed by is to be recorded instead; `take` will say so again."""
        if self._left:
            return False
        if self._draw():
            self._claimed += 1
            return True
        self._left += 1  # it is passed by after all, and counted then
        return False

    def passed(self) -> None:
        """Count a request that was passed by, which was not claimed."""
        self._left -= 1

    def take(self) -> bool:
        """Count a request; whether it is to be recorded."""
        if self._claimed:
            self._claimed -= 1
            return True
        if self._left:
            self._left -= 1
            return False
        return self._draw()

    def _draw(self) -> bool:
        """It is the turn of the request at hand; whether it is taken. The next one is drawn in any case."""
        self._left = self._distance()
        second = int(self._now())
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        return self._taken <= self._most or not self._most

    def _distance(self) -> int:
        """How many requests are passed by before the next one is taken."""
        if self._share >= 1:
            return 0
        if self._share <= 0:
            return NEVER
        return int(math.log(1 - self._random.random()) / math.log1p(-self._share))
