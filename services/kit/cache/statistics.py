"""What a cache tells of itself."""

from dataclasses import asdict, dataclass

from cryptovault.cache.v1.stats_pb2 import CacheStats


@dataclass(frozen=True)
class CacheStatistics:
    """Counts since the process began; see cryptovault.cache.v1.CacheStats for each one's meaning."""

    name: str
    l1_hits: int
    l1_misses: int
    l2_hits: int
    l2_misses: int
    l2_errors: int
    loads: int
    load_errors: int
    coalesced: int
    evictions: int
    expirations: int
    invalidations: int
    entries: int
    capacity: int

    @property
    def l1_hit_rate(self) -> float:
        """Share of all lookups answered from process memory; 0 when there were none."""
        return rate(self.l1_hits, self.l1_misses)

    @property
    def l2_hit_rate(self) -> float:
        """Share of the lookups in Redis that it answered; 0 when there were none."""
        return rate(self.l2_hits, self.l2_misses)

    def to_proto(self) -> CacheStats:
        """The message for cv.stats.<SERVICE>; whoever sends it adds service and replica."""
        return CacheStats(**asdict(self), l1_hit_rate=self.l1_hit_rate, l2_hit_rate=self.l2_hit_rate)


def rate(hits: int, misses: int) -> float:
    """hits / (hits + misses), 0 when both are 0."""
    lookups = hits + misses
    return hits / lookups if lookups else 0.0
