"""Calls that wait a moment for room below an upstream's limit: a burst is no overload.

Controlled delay as Facebook does it (B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015, after Nichols and Jacobson's
CoDel): a call may wait for `BURST` seconds. Where others have been waiting before it all that time, more is asked than
is answered; waiting would only make all answers late, so that a newcomer waits for `STANDING` seconds at most.
"""

import asyncio
from collections.abc import Callable

from services.gateway.resilience.concurrency import AdaptiveLimit
from services.gateway.resilience.criticality import Criticality

BURST, STANDING = 0.25, 0.005  # seconds

Place = asyncio.Future[bool]  # in a line; whether the call has begun
Line = dict[Place, None]  # those of one class, as they have come


class CallQueue:
    """The way to a limit: the most important calls first."""

    def __init__(self, limit: AdaptiveLimit, now: Callable[[], float]) -> None:
        self.waited = self.shed = 0  # calls that had to wait and have begun, and those that were turned away
        self._limit = limit
        self._now = now
        self._lines: dict[Criticality, Line] = {kind: {} for kind in reversed(Criticality)}
        self._last_empty = dict.fromkeys(self._lines, now())  # when nobody waited whose turn comes before such a call

    def enter(self, kind: Criticality) -> bool:
        """Begin a call, to be ended by `leave`; False when there is no room, or somebody waits whose turn is first."""
        behind = any(line for other, line in self._lines.items() if other.share >= kind.share)
        return not behind and self._limit.enter(kind.share)

    async def wait(self, kind: Criticality, patience: float) -> bool:
        """The same as soon as there is room; False when that takes more than so many seconds."""
        begun = await self._wait(self._lines[kind], min(patience, self._patience(kind)))
        self.waited += begun
        self.shed += not begun
        return begun

    def leave(self, operation: str, seconds: float | None) -> None:
        """End a call that took so long since it began; None when that says nothing about the upstream."""
        self._limit.leave(operation, seconds)
        for kind, line in self._lines.items():
            while line and self._limit.has_room(kind.share):
                place = next(iter(line))
                del line[place]
                if not place.done():
                    self._limit.enter(kind.share)
                    place.set_result(True)

    def _patience(self, kind: Criticality) -> float:
        """Seconds that such a call may wait. What waits behind it is no matter."""
        now = self._now()
        for other, line in self._lines.items():
            if line:
                break
            self._last_empty[other] = now
        return BURST if now - self._last_empty[kind] < BURST else STANDING

    async def _wait(self, line: Line, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        place: Place = loop.create_future()
        line[place] = None
        giving_up = loop.call_later(seconds, _give_up, place)
        try:
            return await place
        except asyncio.CancelledError:
            if not place.cancelled() and place.result():  # it was let in just before
                self.leave("", None)
            raise
        finally:
            giving_up.cancel()
            line.pop(place, None)


def _give_up(place: Place) -> None:
    if not place.done():
        place.set_result(False)
