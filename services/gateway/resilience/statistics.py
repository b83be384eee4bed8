"""The state of the upstreams as metrics."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

from opentelemetry.metrics import CallbackOptions, Observation

from services.kit import telemetry


@dataclass(frozen=True)
class UpstreamStatistics:
    """One upstream at one moment. `breaker`: 0 closed, 1 half-open, 2 open. What is not of the moment only grows."""

    breaker: int
    limit: int
    in_flight: int
    opened: int
    shed: int
    retries: int
    hedges: int


MOMENTARY = frozenset({"breaker", "limit", "in_flight"})


def export(read: Callable[[], Mapping[str, UpstreamStatistics]]) -> None:
    """Offer every figure as a metric gateway.upstream.<figure>, with the upstream as its attribute."""
    meter = telemetry.meter("gateway.upstream")
    for figure in UpstreamStatistics.__dataclass_fields__:
        create = meter.create_observable_gauge if figure in MOMENTARY else meter.create_observable_counter
        create(f"gateway.upstream.{figure}", [_observer(read, figure)])


def _observer(
    read: Callable[[], Mapping[str, UpstreamStatistics]], figure: str
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(asdict(item)[figure], {"upstream": name}) for name, item in read().items()]

    return observe
