"""The realtime service, whole, that also tells how long its event loop was held: `python -m bench.realtime_parts.node`.

Prints a line of JSON a second: the longest delay of a timer that is due every 5 ms, and how much of it was this
process's own CPU time; the rest is the machine's, which others use as well.
"""

import asyncio
import json
import os
import time

import uvloop

from services.kit import boot
from services.kit.settings import load
from services.realtime.settings import Settings
from services.realtime.wiring import SERVICE

BEAT = 0.005  # seconds


async def main() -> None:
    """Serve until killed or told to end."""
    watch = asyncio.create_task(watch_loop())
    try:
        await boot.run(SERVICE, load(Settings, dict(os.environ), SERVICE.name))
    finally:
        watch.cancel()


async def watch_loop() -> None:
    """Measure the delays of timers, for ever."""
    stall = held = 0.0
    second = time.monotonic()
    while True:
        due, used = time.monotonic() + BEAT, time.thread_time()
        await asyncio.sleep(BEAT)
        late, own = time.monotonic() - due, time.thread_time() - used
        stall, held = max(stall, late), max(held, min(late, own))
        if due - second >= 1:
            print(json.dumps({"stall_ms": stall * 1000, "held_ms": held * 1000}), flush=True)
            second, stall, held = due, 0.0, 0.0


if __name__ == "__main__":
    uvloop.run(main())
