"""Request id and trace: taken over from the client where well-formed, made here where not, and told to the client."""

import os
import re
import time
import uuid

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

from services.gateway.pipeline.exchange import Answer, Exchange, Handler
from services.kit import telemetry

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_tracer = telemetry.tracer("cryptovault.http")
# Semantic conventions for HTTP, OpenTelemetry 1.45: seconds.
_duration = telemetry.meter("cryptovault.http").create_histogram("http.server.request.duration", unit="s")


class Tracing:
    """Opens a span around the exchange. Even with tracing off there is a trace id, for logs, problems and upstreams."""

    def __init__(self, handler: Handler) -> None:
        self._next = handler

    async def __call__(self, exchange: Exchange) -> Answer:
        """Pass the exchange on inside its span."""
        given = exchange.text(b"x-request-id")
        exchange.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        span = _span(exchange)
        ids = span.get_span_context()
        exchange.trace_id = f"{ids.trace_id:032x}"
        exchange.answer_headers += (
            (b"x-request-id", exchange.request_id.encode()),
            (b"traceresponse", f"00-{exchange.trace_id}-{ids.span_id:016x}-{ids.trace_flags:02x}".encode()),
        )
        began = time.perf_counter()
        with trace.use_span(span, end_on_exit=True, record_exception=False):
            answer = await self._next(exchange)
            _describe(span, exchange, answer, time.perf_counter() - began)
            return answer


def _span(exchange: Exchange) -> Span:
    parent = _parent(exchange)
    span = _tracer.start_span(exchange.method, context=parent, kind=SpanKind.SERVER)
    if span.get_span_context().is_valid:
        return span
    # No exporter is configured and the client sent no trace: ids of our own still tie logs and answers together.
    own = SpanContext(_random(16), _random(8), is_remote=False, trace_flags=TraceFlags(TraceFlags.DEFAULT))
    return NonRecordingSpan(own)


def _parent(exchange: Exchange) -> context.Context:
    if b"traceparent" not in exchange.headers:
        return context.Context()
    names = (b"traceparent", b"tracestate")
    return telemetry.extract({name.decode(): exchange.text(name) for name in names if name in exchange.headers})


def _random(size: int) -> int:
    return int.from_bytes(os.urandom(size)) or 1


def _describe(span: Span, exchange: Exchange, answer: Answer, seconds: float) -> None:
    route = exchange.route.path if exchange.route else ""
    attributes: dict[str, str | int] = {
        "http.request.method": exchange.method,
        "http.response.status_code": answer.status,
        "http.route": route,
    }
    _duration.record(seconds, attributes)
    if span.is_recording():
        span.update_name(f"{exchange.method} {route}".rstrip())
        span.set_attributes(attributes)
