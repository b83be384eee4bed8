"""What the gateway has to reach, and whether it has."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench.gateway_parts.measure import Cell, Figures
from bench.gateway_parts.subjects import ENGINES

GATEWAY = f"CryptoVault gateway ({ENGINES[0]})"
BARE = f"bare handler on the gateway's server ({ENGINES[0]})"
UNCACHED_P95 = 20.0  # milliseconds

Speed = Callable[[Figures], float]  # answers a second


@dataclass(frozen=True)
class Goal:
    """One goal."""

    text: str
    wanted: str
    measured: str
    by_cpu: str
    reached: bool
    reached_by_cpu: bool


def goals(results: Mapping[Cell, Figures], uncached: Figures | None) -> Iterator[Goal]:
    """Those for which everything needed was measured."""
    ours, http1 = (results.get(Cell(GATEWAY, protocol, "gzip")) for protocol in ("HTTP/2", "HTTP/1.1"))
    against = {
        "times the FastAPI stack": (results.get(Cell("FastAPI + uvicorn", "HTTP/1.1", "gzip")), 20.0),
        "times the same engine with a bare handler": (results.get(Cell(BARE, "HTTP/2", "gzip")), 0.75),
        "times granian with a bare handler": (results.get(Cell("granian, bare handler", "HTTP/2", "gzip")), 1.0),
    }
    if ours is not None:
        yield _goal("HTTP/2, cached, whole pipeline: req/s a core", 12_000, lambda speed: speed(ours), ",.0f")
    if http1 is not None:
        yield _goal("HTTP/1.1, cached, whole pipeline: req/s a core", 8_000, lambda speed: speed(http1), ",.0f")
    for text, (peer, wanted) in against.items():
        if ours is not None and peer is not None:
            yield _goal(f"HTTP/2, cached: {text}", wanted, _ratio(ours, peer), ".2f")
    if uncached is not None:
        yield _uncached(uncached)


def by_rate(found: Figures) -> float:
    """Answers a second, as measured."""
    return found.load.rate


def by_cpu(found: Figures) -> float:
    """Answers a second that a core gives which the server has for itself."""
    return 1e6 / found.cpu


def _ratio(ours: Figures, peer: Figures) -> Callable[[Speed], float]:
    return lambda speed: speed(ours) / speed(peer)


def _goal(text: str, wanted: float, value: Callable[[Speed], float], form: str) -> Goal:
    measured, possible = value(by_rate), value(by_cpu)
    shown = (f"≥ {wanted:,g}", f"{measured:{form}}", f"{possible:{form}}")
    return Goal(text, *shown, measured >= wanted, possible >= wanted)


def _uncached(found: Figures) -> Goal:
    p95 = found.load.percentiles[95]
    reached = p95 <= UNCACHED_P95 and found.load.failed == 0
    return Goal(
        "uncached through gRPC, 500 req/s: p95", f"≤ {UNCACHED_P95:g} ms", f"{p95:.1f} ms", "", reached, reached
    )
