"""How a decision is measured: alike for ours and for the peers, so nothing of the project is imported here."""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

BATCH = 20  # decisions in one turn of the event loop
PAUSE = 0.001  # seconds between two turns
CROWD = 50  # decisions that wait at the same time


@dataclass(frozen=True)
class Cell:
    """What one kind of decision costs. Times are microseconds; what reading the clocks takes is taken off."""

    name: str
    asked: float  # share that had to wait for Redis
    cpu_median: float  # of the deciding thread, from the question to the decision
    cpu_p99: float
    wait_median: float  # by the clock on the wall
    wait_p99: float
    redis: float  # of Redis's CPU time, a decision


class Samples:
    """The durations of decisions."""

    def __init__(self) -> None:
        self.cpu: list[int] = []
        self.wall: list[int] = []

    def add(self, cpu: int, wall: int, crowd: int = 1) -> None:
        """So many decisions that began at these moments (nanoseconds) end now."""
        self.cpu += [(time.thread_time_ns() - cpu) // crowd] * crowd
        self.wall += [time.perf_counter_ns() - wall] * crowd

    def cell(self, name: str, redis_seconds: float, asked: int = 0) -> Cell:
        """All of them, and `asked` more that were not decided here."""
        clock, count = _clock_cost(), len(self.cpu) + asked
        cpu, wall = ([max(0, value - clock) / 1000 for value in values] for values in (self.cpu, self.wall))
        redis = redis_seconds * 1e6 / count
        return Cell(name, asked / count, statistics.median(cpu), _p99(cpu), statistics.median(wall), _p99(wall), redis)


async def at_once(name: str, decide: Callable[[], object], count: int, redis: Any) -> Cell:
    """Decisions that wait for nothing, a batch in each turn of the loop, which does meanwhile what else is due.

    Those that turn out to have to wait are counted, and not measured.
    """
    samples, asked, before = Samples(), 0, await redis_seconds(redis)
    for number in range(count):
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        decision = decide()
        if asyncio.iscoroutine(decision):
            await decision
            asked += 1
        else:
            samples.add(cpu, wall)
        if number % BATCH == BATCH - 1:
            await asyncio.sleep(PAUSE)
    return samples.cell(name, await redis_seconds(redis) - before, asked)


async def waited_for(
    name: str, decide: Callable[[], Awaitable[object]], count: int, redis: Any, *, crowd: int = 1
) -> Cell:
    """Decisions that are waited for, so many at the same time; each has its share of the crowd's CPU time."""
    samples, before = Samples(), await redis_seconds(redis)
    for _ in range(count // crowd):
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        await (decide() if crowd == 1 else asyncio.gather(*(decide() for _ in range(crowd))))
        samples.add(cpu, wall, crowd)
    return replace(samples.cell(name, await redis_seconds(redis) - before), asked=1.0)


async def redis_seconds(redis: Any) -> float:
    """CPU time that Redis has used so far."""
    told = await redis.info("cpu")
    return float(told["used_cpu_user"] + told["used_cpu_sys"])


def tell(cells: list[Cell]) -> None:
    """Hand the cells to the process that asked for them."""
    print(json.dumps([asdict(cell) for cell in cells]))


def _clock_cost() -> int:
    """Nanoseconds that lie between two readings of the clocks with nothing between."""
    samples = Samples()
    for _ in range(2000):
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        samples.add(cpu, wall)
    return int(statistics.median(samples.cpu))


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
