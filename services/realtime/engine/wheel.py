"""One timer for any number of items, instead of one each.

Moments are rounded up to the wheel's granularity, and the timer is armed only while something waits: an idle wheel
does not wake the loop. (G. Varghese and T. Lauck, Hashed and hierarchical timing wheels, SOSP 1987.)
"""

import asyncio
from collections.abc import Callable
from math import ceil
from typing import Generic, TypeVar

Item = TypeVar("Item")


class TimerWheel(Generic[Item]):
    """Calls `fire(item, now)` when an item is due; the answer is when it is due again, or None. Times are seconds."""

    def __init__(self, granularity: float, fire: Callable[[Item, float], float | None]) -> None:
        self._granularity = granularity
        self._fire = fire
        self._loop = asyncio.get_running_loop()
        self._slots: dict[int, list[Item]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0  # slot

    def add(self, item: Item, moment: float) -> None:
        """The item is due at this moment of the loop's clock."""
        slot = ceil(moment / self._granularity)
        self._slots.setdefault(slot, []).append(item)
        if self._timer is None or slot < self._armed_for:
            self._arm(slot)

    def stop(self) -> None:
        """Forget everything."""
        self._slots.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, slot: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = slot
        self._timer = self._loop.call_at(slot * self._granularity, self._turn)

    def _turn(self) -> None:
        self._timer = None
        now = self._loop.time()
        for slot in sorted(slot for slot in self._slots if slot * self._granularity <= now):
            for item in self._slots.pop(slot):
                again = self._fire(item, now)
                if again is not None:
                    self.add(item, again)
        if self._slots:
            self._arm(min(self._slots))
