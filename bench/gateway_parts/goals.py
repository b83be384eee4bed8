"""What the gateway has to reach, and whether it has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.gateway_parts.measure import Cell, Figures, Ratio
from bench.gateway_parts.subjects import ENGINES

GATEWAY = f"CryptoVault gateway ({ENGINES[0]})"
BARE = f"bare handler on the gateway's server ({ENGINES[0]})"
GRANIAN = "granian, bare handler"
FASTAPI = "FastAPI + uvicorn"
AGAINST = {  # in turns, second by second: what is said of it, and how many times as fast is wanted
    FASTAPI: ("the FastAPI stack", 20.0),
    BARE: ("the same engine with a bare handler", 0.75),
    GRANIAN: ("granian with a bare handler", 1.0),
}
UNCACHED_P95 = 20.0  # milliseconds


@dataclass(frozen=True)
class Goal:
    """One goal."""

    text: str
    wanted: str
    measured: str
    by_cpu: str
    reached: bool
    reached_by_cpu: bool


def goals(results: Mapping[Cell, Figures], ratios: Mapping[str, Ratio], uncached: Figures | None) -> Iterator[Goal]:
    """Those for which everything needed was measured."""
    ours, http1 = (results.get(Cell(GATEWAY, protocol, "gzip")) for protocol in ("HTTP/2", "HTTP/1.1"))
    if ours is not None:
        yield _rate("HTTP/2, cached, whole pipeline: req/s a core", 12_000, ours)
    if http1 is not None:
        yield _rate("HTTP/1.1, cached, whole pipeline: req/s a core", 8_000, http1)
    for peer, (said, wanted) in AGAINST.items():
        if peer in ratios:
            yield _ratio(f"HTTP/2, cached: times {said}, in turns", wanted, ratios[peer])
    if uncached is not None:
        yield _uncached(uncached)


def by_cpu(found: Figures) -> float:
    """Answers a second that a core gives which the server has for itself."""
    return 1e6 / found.cpu


def _rate(text: str, wanted: float, found: Figures) -> Goal:
    return _goal(text, wanted, found.load.rate, by_cpu(found), ",.0f")


def _ratio(text: str, wanted: float, ratio: Ratio) -> Goal:
    return _goal(text, wanted, ratio.rate, ratio.cpu, ".2f")


def _goal(text: str, wanted: float, measured: float, possible: float, form: str) -> Goal:
    shown = (f"≥ {wanted:,g}", f"{measured:{form}}", f"{possible:{form}}")
    return Goal(text, *shown, measured >= wanted, possible >= wanted)


def _uncached(found: Figures) -> Goal:
    p95 = found.load.percentiles[95]
    reached = p95 <= UNCACHED_P95 and found.load.failed == 0
    return Goal(
        "uncached through gRPC, 500 req/s: p95", f"≤ {UNCACHED_P95:g} ms", f"{p95:.1f} ms", "", reached, reached
    )
