"""The lines of the goal, each as a part of the benchmark that is run by itself. What a part gives is kept as JSON."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from bench.gateway_parts.machine import LOAD_CORE, SERVER_CORE
from bench.realtime_parts.measure import Load, Place, Result, measure
from bench.realtime_parts.nodes import kill_one_of_two

Rows = dict[str, Any]
RUNS = 3  # of what depends on how busy the machine is; the middle one counts


async def fanout(place: Place, seconds: float) -> Rows:
    """What a frame costs, beside the others, and how many a core writes."""
    all_of_them = ("ours", "node", "stock", "floor")
    loads = {  # python-socketio is left out where it cannot keep up, and the floor where a write is more than a frame
        "one frame, 500 × 20": (Load(sockets=500, hertz=20, seconds=seconds), all_of_them),
        "one frame, 2,000 × 5": (Load(sockets=2000, hertz=5, seconds=seconds), all_of_them),
        "one frame, 5,000 × 1": (Load(sockets=5000, hertz=1, seconds=max(seconds, 10.0), warmup=6.0), all_of_them),
        "one frame, 5,000 × 5": (Load(sockets=5000, hertz=5, seconds=seconds, warmup=6.0), ("ours", "node", "floor")),
        "20 channels, 500 × 5": (Load(sockets=500, hertz=5, symbols=20, apart=True, seconds=seconds), ("ours", "node")),
    }
    rows = []
    for name, (load, servers) in loads.items():
        runs = [[await measure(place, server, load) for server in servers] for _ in range(RUNS)]  # in turns
        for server, results in zip(servers, zip(*runs, strict=True), strict=True):
            rows.append(_middle_cost(results) | {"load": name})
            print(f"  {name}: {server} {rows[-1]['cost']:.1f} µs", flush=True)
    full = Load(sockets=1000, hertz=100, seconds=seconds)
    flood = await measure(place, "ours", full, cores=[SERVER_CORE])
    return {"rows": rows, "flood": _row(flood)}


async def scale(place: Place, seconds: float) -> Rows:
    """5,000 sockets on one core, and on two nodes with a core each."""
    load = Load(sockets=5000, hertz=5, seconds=seconds, warmup=6.0)
    one = [await measure(place, "ours", load, cores=[SERVER_CORE]) for _ in range(RUNS)]
    two = [await measure(place, "ours", load, cores=[SERVER_CORE, LOAD_CORE]) for _ in range(RUNS)]
    return {"one": _middle(one), "two": _middle(two)}


async def idle(place: Place, seconds: float) -> Rows:
    """15,000 sockets that say nothing."""
    quiet = Load(sockets=15_000, seconds=max(seconds, 30.0), warmup=15.0)
    return {"ours": _row(await measure(place, "ours", quiet))}


async def ticks(place: Place, seconds: float) -> Rows:
    """2,000 prices a second in, of 200 symbols, to 500 sockets on `prices`; the age of every price counts."""
    load = Load(sockets=500, steady=2000, symbols=200, seconds=seconds, field="ts")
    settings = {"CV_REALTIME_PRICES_HZ": "5"}
    found = [await measure(place, "ours", load, settings=settings) for _ in range(RUNS)]
    newest = await measure(place, "ours", replace(load, field="published_at"), settings=settings)
    return {"all": _middle(found), "newest": _row(newest), "offered": 2000 * 500}


async def storm(place: Place, seconds: float) -> Rows:
    """15,000 sockets are cut at once and come back as the stock client does."""
    load = Load(sockets=15_000, seconds=60.0, storm=True, warmup=15.0)
    return {"ours": _row(await measure(place, "ours", load))}


async def slow(place: Place, seconds: float) -> Rows:
    """One client in ten reads 5 KB/s of 48; the others are measured, until the slow ones have been cut off."""
    load = Load(sockets=500, hertz=20, symbols=20, seconds=max(seconds, 25.0))
    pairs = [
        (await measure(place, "ours", load), await measure(place, "ours", replace(load, slow=50))) for _ in range(RUNS)
    ]
    pairs.sort(key=lambda pair: pair[1].p99_ms / max(pair[0].p99_ms, 0.1))
    without, having = pairs[RUNS // 2]
    return {"without": _row(without), "with": _row(having)}


async def nodes(place: Place, seconds: float) -> Rows:
    """One of two nodes is killed while user events are sent."""
    return await kill_one_of_two(place)


def _row(result: Result) -> Rows:
    cost, in_kernel = result.per_frame(result.cores), result.per_frame(result.kernel_cores)
    return asdict(result) | {"cost": cost, "in_kernel": in_kernel}


def _middle_cost(results: Sequence[Result]) -> Rows:
    return sorted(map(_row, results), key=lambda row: float(row["cost"]))[len(results) // 2]


def _middle(results: list[Result]) -> Rows:
    ordered = sorted(results, key=lambda result: result.p99_ms)
    return _row(ordered[len(ordered) // 2]) | {"all_p99_ms": [result.p99_ms for result in results]}


PARTS: dict[str, Callable[[Place, float], Awaitable[Rows]]] = {
    part.__name__: part for part in (fanout, scale, idle, ticks, storm, nodes, slow)
}
