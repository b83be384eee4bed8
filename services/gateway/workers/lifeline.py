"""What ties a worker to its supervisor, by its standard input and output.

The input says nothing; when it ends, the worker stops as on SIGTERM, so that even `kill -9` of the supervisor leaves no
worker behind and loses no request. The output gets a byte a second while the worker serves and its event loop turns.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress

from services.kit.health import Health

BEAT = 1.0  # seconds between two signs of life
UNTIL_STARTED = 0.05  # seconds between two looks
SIGN = b"."


async def hold(health: Health, stopping: asyncio.Event, grace: float) -> None:
    """Give signs of life from the start on, and set `stopping` when the supervisor wants it or is gone.

    The process ends after `grace` seconds then at the latest: nobody may be left to see that it does.
    """
    loop, supervisor = asyncio.get_running_loop(), sys.stdin.fileno()

    def end() -> None:
        loop.remove_reader(supervisor)
        stopping.set()
        signal.alarm(max(1, round(grace)))  # whose default is to end the process, wherever it hangs

    loop.add_reader(supervisor, end)
    try:
        while True:
            if health.started:
                with suppress(BrokenPipeError):  # the supervisor is gone: the input says so, too
                    os.write(sys.stdout.fileno(), SIGN)
            await asyncio.sleep(BEAT if health.started else UNTIL_STARTED)
    finally:
        loop.remove_reader(supervisor)
