"""How late the event loop is: what a request waits for before anybody looks at it."""

import asyncio
import time

INTERVAL = 0.05  # seconds
WEIGHT = 0.5  # of the last measurement


class LoopLag:
    """A moving mean of how late a timer fires. It says 0 unless it runs."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def run(self) -> None:
        """Measure, until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(INTERVAL)
            late = max(0.0, time.monotonic() - began - INTERVAL)
            self.seconds += WEIGHT * (late - self.seconds)
