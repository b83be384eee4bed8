"""The garbage collector for what only cycles hold, kept from holding up the event loop.

Looking through every object takes 0.1 s and more in a process with 15,000 connections, and Python does it as soon as
there are a quarter more of them: in the middle of a storm of newcomers. So it is done by the clock instead: once a
minute, or more rarely where it takes long. Nearly all garbage goes without it: by its reference count, or while it is
young. But only then does Python give back what it puts by for the next tuples, of each length up to 2,000.
"""

import gc

from services.kit.clock import Clock

YOUNG = 10_000  # objects more than before, until the youngest are looked through
YOUNG_ROUNDS = 4  # of that, until those that were left over are looked through, too: 20 ms
NEVER = 1_000_000  # rounds of that, until everything is looked through
SOONEST, LATEST = 60.0, 600.0  # seconds until everything is looked through again, ...
SHARE = 1 / 2000  # ... which takes this part of the time in between


def settle() -> None:
    """Leave what is there after the start to itself for ever, and what gets old to `collect`."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, YOUNG_ROUNDS, NEVER)


async def collect(clock: Clock) -> None:
    """Look through everything from time to time, until cancelled."""
    period = SOONEST
    while True:
        await clock.sleep(period)
        began = clock.monotonic()
        gc.collect()
        period = min(max(SOONEST, (clock.monotonic() - began) / SHARE), LATEST)
