"""OpenTelemetry traces, metrics and logs, and Sentry: all off unless the environment configures them.

OTLP export starts when OTEL_EXPORTER_OTLP_ENDPOINT (or one signal's own) is set, as the OpenTelemetry specification
names it; Sentry when CV_SENTRY_DSN is. Trace context (W3C) is passed on in either case. One new trace in a hundred is
recorded unless OTEL_TRACES_SAMPLER says otherwise (`services.kit.sampling`).
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry import context, metrics, propagate, trace

from services.kit.durations import SECONDS_BUCKETS, with_durations

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

DECIDED = "cryptovault.recorded"  # in a context: whether its next span is recorded, whatever the sampler thinks
RECORDED = context.Context({DECIDED: True})  # begins a trace that is recorded


@dataclass(frozen=True)
class Telemetry:
    """What was set up, to be flushed last of all."""

    shutdowns: tuple[Callable[[], object], ...] = ()

    def shutdown(self) -> None:
        """Send what is buffered and stop."""
        for shutdown in self.shutdowns:
            shutdown()


def setup(service: str, replica: str, *, sentry_dsn: str | None, sentry_traces_sample_rate: float) -> Telemetry:
    """Start the exporters that the environment asks for."""
    shutdowns: list[Callable[[], object]] = []
    signals = {"TRACES": _setup_traces, "METRICS": _setup_metrics, "LOGS": _setup_logs}
    wanted = [start for signal, start in signals.items() if _wanted(signal)]
    if wanted:
        resource = _resource(service, replica)
        shutdowns.extend(start(resource) for start in wanted)
    if sentry_dsn:
        shutdowns.append(_setup_sentry(service, replica, sentry_dsn, sentry_traces_sample_rate))
    return Telemetry(tuple(shutdowns))


def _wanted(signal: str) -> bool:
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp").lower() == "none":
        return False
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return any(os.environ.get(name) for name in names)


def _resource(service: str, replica: str) -> "Resource":
    from opentelemetry.sdk.resources import Resource

    return Resource.create({"service.name": service, "service.instance.id": replica})


# The SDKs and their exporters are imported only when they are wanted: they cost half a second and 30 MB.


def _setup_traces(resource: "Resource") -> Callable[[], object]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from services.kit.sampling import configured

    provider = TracerProvider(resource=resource, sampler=configured(os.environ))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _setup_metrics(resource: "Resource") -> Callable[[], object]:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, PeriodicExportingMetricReader
    from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

    class Exporter(OTLPMetricExporter):
        """Sends the histograms that the SDK does not know of as well."""

        def export(self, metrics_data: MetricsData, *args: Any, **options: Any) -> MetricExportResult:
            return super().export(with_durations(metrics_data), *args, **options)

    buckets = ExplicitBucketHistogramAggregation(SECONDS_BUCKETS)
    provider = MeterProvider(
        metric_readers=[PeriodicExportingMetricReader(Exporter())],
        resource=resource,
        views=[View(instrument_name="*.duration", aggregation=buckets)],
    )
    metrics.set_meter_provider(provider)
    return provider.shutdown


def _setup_logs(resource: "Resource") -> Callable[[], object]:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))
    return provider.shutdown


def _setup_sentry(service: str, replica: str, dsn: str, traces_sample_rate: float) -> Callable[[], object]:
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        server_name=replica,
        traces_sample_rate=traces_sample_rate,
        send_default_pii=False,
        include_local_variables=False,  # they may hold passwords and tokens
    )
    sentry_sdk.set_tag("service", service)
    return sentry_sdk.flush


def tracer(name: str) -> trace.Tracer:
    """The tracer of a module."""
    return trace.get_tracer(name)


def root_share() -> float:
    """The share of new traces that are recorded, as the environment says; 0 where nothing records.

    Who begins a trace can decide by it before there is a span, and begin the span with `RECORDED` as its context.
    """
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        return 0.0
    from services.kit.sampling import DecidedBefore

    sampler = getattr(provider, "sampler", None)
    return sampler.share if isinstance(sampler, DecidedBefore) else 0.0


def meter(name: str) -> metrics.Meter:
    """The meter of a module."""
    return metrics.get_meter(name)


def current_trace_id() -> str:
    """The trace id of the work at hand, 32 hex digits; empty outside a trace."""
    return current_ids().get("trace_id", "")


def current_ids() -> dict[str, str]:
    """trace_id and span_id of the work at hand; empty outside a trace."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}


def inject(headers: MutableMapping[str, str]) -> None:
    """Add the trace context (W3C traceparent) to outgoing headers."""
    propagate.inject(headers)


def extract(headers: Mapping[str, str]) -> context.Context:
    """The trace context of incoming headers, whose names are lower case."""
    return propagate.extract(headers)


def decided(parent: context.Context, *, recorded: bool) -> context.Context:
    """The same trace, to be recorded or not from here on as is said here, whatever its sender wants."""
    sent = trace.get_current_span(parent).get_span_context()
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if recorded else trace.TraceFlags.DEFAULT)
    ours = trace.SpanContext(sent.trace_id, sent.span_id, True, flags, sent.trace_state)
    return trace.set_span_in_context(trace.NonRecordingSpan(ours), context.set_value(DECIDED, recorded, parent))


def capture(error: BaseException) -> None:
    """Report an unexpected error to Sentry, with the trace id; nothing happens when Sentry is off."""
    sentry = sys.modules.get("sentry_sdk")
    if sentry is None:  # only `setup` imports it
        return
    with sentry.new_scope() as scope:
        for key, value in current_ids().items():
            scope.set_tag(key, value)
        scope.capture_exception(error)
