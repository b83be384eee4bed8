"""The figures of all replicas."""

from cryptovault.cache.v1.stats_pb2 import CacheStats
from cryptovault.events.v1.events_pb2 import ServiceStats

from services.cache.domain import NEWS_SECONDS, Reports, total


def report(replica: str, hits: int = 0, service: str = "prices") -> ServiceStats:
    cache = CacheStats(name="latest", service=service, replica=replica, l1_hits=hits, l1_misses=hits)
    return ServiceStats(service=service, replica=replica, caches=[cache])


def test_the_latest_report_of_each_replica_counts():
    reports = Reports()
    reports.hear(report("b", hits=1), now=0)
    reports.hear(report("a", hits=2), now=0)
    reports.hear(report("b", hits=3), now=1)
    assert [(cache.replica, cache.l1_hits) for cache in reports.caches(1)] == [("a", 2), ("b", 3)]
    assert reports.names(1) == {"latest"}


def test_a_replica_that_falls_silent_is_left_out():
    reports = Reports()
    reports.hear(report("a"), now=0)
    assert len(reports.caches(NEWS_SECONDS)) == 1
    assert reports.caches(NEWS_SECONDS + 0.1) == []


def test_silent_replicas_take_no_memory():
    reports = Reports()
    for number in range(100):
        reports.hear(report(f"replica-{number}"), now=float(number))
    assert len(reports._reports) <= NEWS_SECONDS + 1


def test_the_total_adds_counts_and_takes_the_rates_of_the_sum():
    caches = [
        CacheStats(name="a", service="x", l1_hits=9, l1_misses=1, l2_errors=2, entries=5, l1_hit_rate=0.9),
        CacheStats(name="b", service="y", l1_hits=0, l1_misses=10, l2_hits=3, l2_misses=1, entries=7),
    ]
    result = total(caches)
    assert (result.l1_hits, result.l1_misses, result.l2_errors, result.entries) == (9, 11, 2, 12)
    assert (result.l1_hit_rate, result.l2_hit_rate) == (0.45, 0.75)
    assert (result.name, result.service, result.replica) == ("", "", "")


def test_a_total_of_nothing_is_all_zeros():
    assert total([]) == CacheStats()
