"""Which requests are recorded: a share of all, at random distances.

The distance to the next one is drawn when one is taken (geometrically, as if each request were drawn by itself), so
whoever passes a request by only counts it.
"""

import math
from random import Random

NEVER = -1


class Sampler:
    """Takes `share` (0 to 1) of the requests."""

    def __init__(self, share: float, random: Random | None = None) -> None:
        self._share = share
        self._random = random or Random()
        self._left = self._distance()
        self._claimed = 0  # requests whose `take` is still to come

    def claims(self) -> bool:
        """Whether a request that could be passed by is to be recorded instead; `take` will say so again."""
        if self._left:
            return False
        self._left = self._distance()
        self._claimed += 1
        return True

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
        self._left = self._distance()
        return True

    def _distance(self) -> int:
        """How many requests are passed by before the next one is taken."""
        if self._share >= 1:
            return 0
        if self._share <= 0:
            return NEVER
        return int(math.log(1 - self._random.random()) / math.log1p(-self._share))
