"""Statistics: a node's own figures, and their sum over nodes."""

from collections.abc import Mapping, Sequence

from cryptovault.realtime.v1.stats_pb2 import SocketStats

from services.realtime.domain.hub import Hub

# Figures that may be added up; the maps, the delays and the ratio need more thought.
_SUMMED = (
    "connections",
    "authenticated",
    "messages_sent",
    "bytes_sent",
    "messages_per_second",
    "bytes_per_second",
    "connects",
    "disconnects",
    "handshake_failures",
    "ticks_received",
    "ticks_conflated",
    "changes_offered",
    "slow_conflated",
    "slow_lowered",
    "slow_disconnects",
    "fast_disconnects",
    "reconnects",
    "recoveries",
)
_MAPS = ("transports", "channels", "states", "handshake_failures_by_reason")


def figures(node: str, hub: Hub, transports: Mapping[str, int], now: float) -> SocketStats:
    """What one node's sockets are doing; `transports` counts those too that are not let in yet, `now` is monotonic."""
    meter, registry = hub.meter, hub.registry
    messages_per_second, bytes_per_second = meter.rates(now)
    return SocketStats(
        node=node,
        connections=len(registry),
        authenticated=registry.authenticated,
        transports=transports,
        channels=registry.member_counts(),
        states=_states(hub, sum(transports.values())),
        messages_sent=meter.messages_sent,
        bytes_sent=meter.bytes_sent,
        messages_per_second=messages_per_second,
        bytes_per_second=bytes_per_second,
        connects=meter.connects,
        disconnects=meter.disconnects,
        handshake_failures=meter.refusals.total(),
        handshake_failures_by_reason=meter.refusals,
        ticks_received=meter.ticks_received,
        ticks_conflated=hub.market.replaced,
        changes_offered=hub.market.offered,
        conflation_ratio=_ratio(hub.market.replaced, hub.market.offered),
        delay_p50_ms=meter.delay(0.5),
        delay_p99_ms=meter.delay(0.99),
        slow_conflated=meter.slow_conflated,
        slow_lowered=meter.slow_lowered,
        slow_disconnects=meter.slow_disconnects,
        fast_disconnects=meter.fast_disconnects,
        reconnects=meter.reconnects,
        recoveries=meter.recoveries,
    )


def total(nodes: Sequence[SocketStats]) -> SocketStats:
    """The sum. Delays cannot be summed: it has the largest, which no node exceeds."""
    added = SocketStats(
        delay_p50_ms=max(stats.delay_p50_ms for stats in nodes),
        delay_p99_ms=max(stats.delay_p99_ms for stats in nodes),
        **{name: sum(getattr(stats, name) for stats in nodes) for name in _SUMMED},
    )
    added.conflation_ratio = _ratio(added.ticks_conflated, added.changes_offered)
    for stats in nodes:
        for name in _MAPS:
            counts = getattr(added, name)
            for key, count in getattr(stats, name).items():
                counts[key] += count
    return added


def _states(hub: Hub, sessions: int) -> dict[str, int]:
    slow = hub.slow
    return {
        "connecting": max(0, sessions - len(hub.registry)),
        "active": len(hub.registry) - slow,
        "slow": slow,
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
