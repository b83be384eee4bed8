"""The state of the upstreams and of their replicas as metrics."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields

from opentelemetry.metrics import CallbackOptions, Observation

from services.kit import telemetry


@dataclass(frozen=True)
class ReplicaStatistics:
    """One replica at one moment. `breaker`: 0 closed, 1 half-open, 2 open. What is not of the moment only grows."""

    breaker: int
    in_flight: int
    streams: int
    opened: int
    ejections: int


@dataclass(frozen=True)
class UpstreamStatistics:
    """One upstream at one moment; `replicas` by their addresses. What is not of the moment only grows."""

    limit: int
    waited: int
    shed: int
    retries: int
    hedges: int
    replicas: Mapping[str, ReplicaStatistics]


MOMENTARY = frozenset({"breaker", "limit", "in_flight", "streams"})

Read = Callable[[], Mapping[str, UpstreamStatistics]]
Observe = Callable[[Read, str], Iterable[Observation]]


def export(read: Read) -> None:
    """Offer every figure as a metric gateway.upstream.<figure>, by upstream, or by upstream and replica.

    Only the replicas of the moment are told, so there are no more series than replicas.
    """
    for figure in fields(UpstreamStatistics):
        if figure.name != "replicas":
            _offer(figure.name, read, of_upstreams)
    for figure in fields(ReplicaStatistics):
        _offer(figure.name, read, of_replicas)


def _offer(figure: str, read: Read, observe: Observe) -> None:
    def observed(options: CallbackOptions) -> Iterable[Observation]:
        return observe(read, figure)

    meter = telemetry.meter("gateway.upstream")
    create = meter.create_observable_gauge if figure in MOMENTARY else meter.create_observable_counter
    create(f"gateway.upstream.{figure}", [observed])


def of_upstreams(read: Read, figure: str) -> Iterable[Observation]:
    """A figure of every upstream."""
    return [Observation(getattr(upstream, figure), {"upstream": name}) for name, upstream in read().items()]


def of_replicas(read: Read, figure: str) -> Iterable[Observation]:
    """A figure of every replica."""
    return [
        Observation(getattr(replica, figure), {"upstream": name, "replica": address})
        for name, upstream in read().items()
        for address, replica in upstream.replicas.items()
    ]
