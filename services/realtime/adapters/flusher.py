"""When to flush: milliseconds after something begins to wait, or when its channel may be written to; never idly."""

import asyncio

from services.kit.clock import Clock
from services.realtime.domain.hub import Hub

GATHERING = 0.005  # seconds: ticks that arrive together leave together
RESOLUTION = 0.001  # seconds: the loop's timers may be early by as much, and would find nothing due


class Flusher:
    """Flushes the hub by a timer that is set only while something waits."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._set_for = float("inf")
        hub.market.on_waiting(lambda due: self._set(max(due, clock.monotonic() + GATHERING)))
        hub.fanout.on_waiting(self._work_soon)

    def _set(self, moment: float) -> None:
        if moment >= self._set_for:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._set_for = moment
        wait = moment - self._clock.monotonic()
        self._timer = self._loop.call_later(wait + RESOLUTION if wait > 0 else 0, self._flush)

    def _flush(self) -> None:
        self._timer, self._set_for = None, float("inf")
        if self._hub.fanout.busy:  # what is due goes on being conflated until that is done
            return
        try:
            self._hub.flush()
        finally:
            self._set_next()

    def _set_next(self) -> None:
        """For the next slot of sockets: at once if it is due, but the loop looks after everybody else first."""
        due = self._hub.market.next_due
        if due < float("inf"):
            self._set(due)

    def _work_soon(self) -> None:
        self._loop.call_soon(self._work)

    def _work(self) -> None:
        """The next slice of a fan-out, after the loop has looked after everybody else."""
        try:
            self._hub.fanout.work()
        finally:
            if self._hub.fanout.busy:
                self._work_soon()
            else:
                self._set_next()
