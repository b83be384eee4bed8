"""Statistics: this node's own, and those that all nodes publish once a second."""

from collections import Counter
from collections.abc import Sequence

from cryptovault.events.v1.events_pb2 import ServiceStats
from cryptovault.realtime.v1.stats_pb2 import SocketStats

from services.kit.bus import Delivery
from services.kit.clock import Clock
from services.realtime.domain.hub import Hub

STATS_SUBJECT = "cv.stats.realtime"
FORGET_AFTER = 3.0  # seconds of silence

# Figures that may be added up; the maps and the delays need more thought.
_SUMMED = (
    "connections",
    "authenticated",
    "messages_sent",
    "bytes_sent",
    "messages_per_second",
    "connects",
    "disconnects",
    "handshake_failures",
    "ticks_received",
    "ticks_conflated",
    "slow_disconnects",
)


def figures(node: str, hub: Hub, now: float) -> SocketStats:
    """What one node's sockets are doing; `now` is by a monotonic clock."""
    meter, registry = hub.meter, hub.registry
    return SocketStats(
        node=node,
        connections=len(registry),
        authenticated=registry.authenticated,
        transports=Counter(socket.outlet.transport for socket in registry.all()),
        channels=registry.member_counts(),
        messages_sent=meter.messages_sent,
        bytes_sent=meter.bytes_sent,
        messages_per_second=meter.messages_per_second(now),
        connects=meter.connects,
        disconnects=meter.disconnects,
        handshake_failures=meter.handshake_failures,
        ticks_received=meter.ticks_received,
        ticks_conflated=hub.market.replaced,
        delay_p50_ms=meter.delay(0.5),
        delay_p99_ms=meter.delay(0.99),
        slow_disconnects=meter.slow_disconnects,
    )


class Cluster:
    """All nodes heard of in the last three seconds."""

    def __init__(self, node: str, hub: Hub, clock: Clock) -> None:
        self._node = node
        self._hub = hub
        self._clock = clock
        self._others: dict[str, tuple[float, SocketStats]] = {}

    def own(self) -> SocketStats:
        """This node's figures."""
        return figures(self._node, self._hub, self._clock.monotonic())

    async def heard(self, delivery: Delivery) -> None:
        """A node has published its figures."""
        sockets = ServiceStats.FromString(delivery.data).sockets
        if sockets.node != self._node:
            self._others[sockets.node] = (self._clock.monotonic(), sockets)

    def nodes(self) -> list[SocketStats]:
        """Every node's figures, by name; this one's as of now, so that they are there without NATS too."""
        oldest = self._clock.monotonic() - FORGET_AFTER
        self._others = {node: heard for node, heard in self._others.items() if heard[0] >= oldest}
        return sorted([self.own(), *(stats for _, stats in self._others.values())], key=lambda stats: stats.node)

    def total(self, nodes: Sequence[SocketStats]) -> SocketStats:
        """The sum. Delays cannot be summed: it has the largest, which no node exceeds."""
        total = SocketStats(
            delay_p50_ms=max(stats.delay_p50_ms for stats in nodes),
            delay_p99_ms=max(stats.delay_p99_ms for stats in nodes),
            **{name: sum(getattr(stats, name) for stats in nodes) for name in _SUMMED},
        )
        for stats in nodes:
            for transport, count in stats.transports.items():
                total.transports[transport] += count
            for channel, count in stats.channels.items():
                total.channels[channel] += count
        return total
