"""The garbage collector for what only cycles hold, kept from holding up the event loop.

Looking through every object takes 0.1 s and more in a process with 15,000 connections, and Python does it as soon as
there are a quarter more of them: in the middle of a storm of newcomers. So it is done by the clock instead. Nearly all
garbage goes without it: by its reference count, or while it is young.
"""

import gc

from services.kit.clock import Clock

YOUNG = 10_000  # objects more than before, until the youngest are looked through
YOUNG_ROUNDS = 4  # of that, until those that were left over are looked through, too: 20 ms
NEVER = 1_000_000  # rounds of that, until everything is looked through
PERIOD = 600.0  # seconds


def settle() -> None:
    """Leave what is there after the start to itself for ever, and what gets old to `collect`."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, YOUNG_ROUNDS, NEVER)


async def collect(clock: Clock) -> None:
    """Look through everything from time to time, until cancelled."""
    while True:
        await clock.sleep(PERIOD)
        gc.collect()
