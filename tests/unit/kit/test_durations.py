"""Histograms that are counted here and exported with the SDK's own."""

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram, InMemoryMetricReader

from services.kit.durations import SECONDS_BUCKETS, Durations, with_durations


def test_a_duration_is_counted_in_the_bucket_that_it_does_not_exceed() -> None:
    durations = Durations("test.duration", ("route",))
    for seconds in (0.005, 0.0051, 60.0):
        durations.record(seconds, ("/a",))
    durations.record(0.2, ("/b",))
    metric = durations.metric(now=7)
    assert isinstance(metric.data, Histogram)
    first, second = metric.data.data_points
    assert isinstance(first.attributes, dict)
    assert (first.attributes, first.count, first.min, first.max) == ({"route": "/a"}, 3, 0.005, 60.0)
    assert (first.bucket_counts[0], first.bucket_counts[1], first.bucket_counts[-1]) == (1, 1, 1)
    assert second.bucket_counts[SECONDS_BUCKETS.index(0.2)] == 1


def test_what_is_exported_holds_the_sdks_metrics_and_ours_under_one_resource() -> None:
    reader = InMemoryMetricReader()
    MeterProvider([reader]).get_meter("m").create_counter("calls").add(1)
    Durations("test.exported", ("route",)).record(0.1, ("/a",))
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = with_durations(data).resource_metrics
    names = [metric.name for scope in resource.scope_metrics for metric in scope.metrics]
    assert {"calls", "test.exported"} <= set(names)
