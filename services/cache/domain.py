"""The figures of all replicas, as long as they are news."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from cryptovault.cache.v1.stats_pb2 import CacheStats
from cryptovault.events.v1.events_pb2 import ServiceStats

from services.kit.cache.statistics import CacheStatistics, rate

NEWS_SECONDS = 3.0  # replicas report once a second; one that missed three reports is taken for gone

SUMMED = tuple(field.name for field in fields(CacheStatistics) if field.name != "name")


@dataclass(frozen=True)
class _Report:
    stats: ServiceStats
    heard_at: float  # monotonic seconds


class Reports:
    """The last report of each replica."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str], _Report] = {}

    def hear(self, stats: ServiceStats, now: float) -> None:
        """Take a report in, and let go of those that are no longer news."""
        self._reports[stats.service, stats.replica] = _Report(stats, now)
        self._reports = {who: report for who, report in self._reports.items() if _is_news(report, now)}

    def caches(self, now: float) -> list[CacheStats]:
        """Each cache of each replica heard lately, by service, name and replica."""
        reports = (report.stats for report in self._reports.values() if _is_news(report, now))
        caches = (cache for stats in reports for cache in stats.caches)
        return sorted(caches, key=lambda cache: (cache.service, cache.name, cache.replica))

    def names(self, now: float) -> set[str]:
        """The names of the caches heard of lately."""
        return {cache.name for cache in self.caches(now)}


def total(caches: Iterable[CacheStats]) -> CacheStats:
    """The sum over caches, with the hit rates of the sum."""
    result = CacheStats()
    for cache in caches:
        for field in SUMMED:
            setattr(result, field, getattr(result, field) + getattr(cache, field))
    result.l1_hit_rate = rate(result.l1_hits, result.l1_misses)
    result.l2_hit_rate = rate(result.l2_hits, result.l2_misses)
    return result


def _is_news(report: _Report, now: float) -> bool:
    return now - report.heard_at <= NEWS_SECONDS
