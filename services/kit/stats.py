"""What one replica says of itself once a second on cv.stats.<SERVICE>."""

import logging
import resource
from collections.abc import Callable
from pathlib import Path

from cryptovault.cache.v1.stats_pb2 import CacheStats
from cryptovault.events.v1.events_pb2 import ServiceStats
from cryptovault.realtime.v1.stats_pb2 import SocketStats
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.bus import Bus
from services.kit.cancellation import together
from services.kit.clock import Clock
from services.kit.errors import Unavailable

logger = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds
LAG_INTERVAL = 0.25  # seconds; each look wakes a process that may have nothing else to do
STATUS_FILE = Path("/proc/self/statm")


class Stats:
    """Collects a replica's figures; `run` publishes them."""

    def __init__(self, service: str, replica: str, clock: Clock) -> None:
        self._service = service
        self._replica = replica
        self._clock = clock
        self._started_at = Timestamp()
        self._started_at.FromMilliseconds(round(clock.time() * 1000))
        self._caches: list[Callable[[], CacheStats]] = []
        self._sockets: Callable[[], SocketStats] | None = None
        self._worst_lag = 0.0

    def add_cache(self, read: Callable[[], CacheStats]) -> None:
        """Include a cache's figures; service and replica are filled in here."""
        self._caches.append(read)

    def set_sockets(self, read: Callable[[], SocketStats]) -> None:
        """Include the figures of the sockets."""
        self._sockets = read

    def snapshot(self) -> ServiceStats:
        """The figures of this moment."""
        stats = ServiceStats(
            service=self._service,
            replica=self._replica,
            started_at=self._started_at,
            caches=[self._signed(read()) for read in self._caches],
            resident_bytes=resident_bytes(),
            loop_lag_ms=self._worst_lag * 1000,
        )
        if self._sockets is not None:
            stats.sockets.CopyFrom(self._sockets())
        return stats

    async def run(self, bus: Bus) -> None:
        """Publish once a second, until cancelled."""
        await together((self._watch_lag, lambda: self._publish(bus)))

    async def _publish(self, bus: Bus) -> None:
        while True:
            await self._clock.sleep(INTERVAL)
            try:
                await bus.publish(f"cv.stats.{self._service}", self.snapshot())
            except Unavailable:
                continue
            finally:
                self._worst_lag = 0.0

    async def _watch_lag(self) -> None:
        while True:
            began = self._clock.monotonic()
            await self._clock.sleep(LAG_INTERVAL)
            self._worst_lag = max(self._worst_lag, self._clock.monotonic() - began - LAG_INTERVAL)

    def _signed(self, stats: CacheStats) -> CacheStats:
        stats.service, stats.replica = self._service, self._replica
        return stats


def resident_bytes() -> int:
    """Memory of this process that is in RAM: as Linux says it, or elsewhere the highest so far."""
    try:
        return int(STATUS_FILE.read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
