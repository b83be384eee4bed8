"""Request id and trace: taken over from the client where well-formed, made here where not, and told to the client.

A span costs more than everything else that a kept answer needs, so there is one only where somebody records it or has
sent a trace. The ids are there in any case. Whether a client's trace is recorded is decided here as for all others,
unless a proxy in front vouches for what it says: else any client could have all its requests recorded.
"""

import logging
import re
import time
from binascii import hexlify
from contextlib import AbstractContextManager
from random import randbytes

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags

from services.gateway.pipeline.exchange import Answer, Exchange, Handler, Header
from services.gateway.pipeline.sampling import Sampler
from services.kit import telemetry
from services.kit.durations import Durations, Series

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Bytes of tracestate that are passed on. W3C asks for 512 at least; gRPC takes 8 KiB for all metadata of a call, and
# refuses more: to whoever waits for the call.
MOST_STATE = 2048
IDS_BYTES = 24  # a trace id and a span id

Labels = tuple[str, str, int]  # method, route and status

# They write a line about each header that is no trace, and every client can send such.
for _name in ("opentelemetry.trace.propagation.tracecontext", "opentelemetry.trace.span"):
    logging.getLogger(_name).setLevel(logging.ERROR)

_tracer = telemetry.tracer("cryptovault.http")
# Semantic conventions for HTTP, OpenTelemetry 1.45: seconds.
_NAMES = ("http.request.method", "http.route", "http.response.status_code")
_durations = Durations("http.server.request.duration", _NAMES)


class Tracing:
    """Gives the exchange its ids, and a span where spans are recorded; measures how long the answer took.

    vouched: a proxy in front answers for the traces that arrive, so their sampled flag counts.
    """

    def __init__(self, handler: Handler, sampler: Sampler, *, vouched: bool) -> None:
        self._next = handler
        self._sampler = sampler
        self._vouched = vouched

    async def __call__(self, exchange: Exchange) -> Answer:
        """Pass the exchange on with its ids."""
        began = time.perf_counter()
        if b"traceparent" in exchange.headers:
            answer = await self._with_span(exchange, self._parent(exchange))
        elif self._sampler.take():
            answer = await self._with_span(exchange, telemetry.RECORDED)
        else:
            _identify(exchange, randbytes(IDS_BYTES).hex(), "00")
            answer = await self._next(exchange)
        durations_of(_labels(exchange, answer)).record(time.perf_counter() - began)
        return answer

    def _parent(self, exchange: Exchange) -> context.Context:
        given = {"traceparent": exchange.text(b"traceparent")}
        if 0 < len(exchange.headers.get(b"tracestate", b"")) <= MOST_STATE:
            given["tracestate"] = exchange.text(b"tracestate")
        sent = telemetry.extract(given)
        return sent if self._vouched else telemetry.decided(sent, recorded=self._sampler.take())

    async def _with_span(self, exchange: Exchange, parent: context.Context) -> Answer:
        span = exchange.span = _tracer.start_span(exchange.method, context=parent, kind=SpanKind.SERVER)
        ids = span.get_span_context()
        if ids.is_valid:
            _identify(exchange, f"{ids.trace_id:032x}{ids.span_id:016x}", f"{ids.trace_flags:02x}")
        else:  # nothing is recorded, and what the client sent is no trace
            exchange.span = None
            _identify(exchange, randbytes(IDS_BYTES).hex(), "00")
        try:
            answer = await self._next(exchange)
            _describe(span, exchange, answer)
            return answer
        finally:
            span.end()


def durations_of(labels: Labels) -> Series:
    """How long such requests take, in seconds."""
    return _durations.series(labels)


def new_ids() -> tuple[Header, Header]:
    """The headers that tell the ids of a request that nobody records."""
    ids = hexlify(randbytes(IDS_BYTES))
    trace_id = ids[:32]
    return (b"x-request-id", trace_id), (b"traceresponse", b"00-%b-%b-00" % (trace_id, ids[32:]))


def inside_trace(exchange: Exchange) -> AbstractContextManager[Span]:
    """Make the exchange's trace the one that logs and upstream calls belong to, for the length of a block."""
    span = exchange.span
    if span is None:
        ids = SpanContext(int(exchange.trace_id, 16), int(exchange.span_id, 16), False, TraceFlags(TraceFlags.DEFAULT))
        span = NonRecordingSpan(ids)
    return trace.use_span(span, record_exception=False, set_status_on_exception=False)


def _identify(exchange: Exchange, ids: str, flags: str) -> None:
    """Note the ids, 48 hex digits, and tell the client."""
    exchange.trace_id, exchange.span_id = trace_id, span_id = ids[:32], ids[32:]
    given = exchange.headers.get(b"x-request-id")
    request_id = given if given is not None and _REQUEST_ID.fullmatch(given) else trace_id.encode()
    exchange.request_id = request_id.decode()
    exchange.answer_headers += (
        (b"x-request-id", request_id),
        (b"traceresponse", f"00-{trace_id}-{span_id}-{flags}".encode()),
    )


def _describe(span: Span, exchange: Exchange, answer: Answer) -> None:
    if span.is_recording():
        labels = _labels(exchange, answer)
        span.update_name(f"{labels[0]} {labels[1]}".rstrip())
        span.set_attributes(dict(zip(_NAMES, labels, strict=True)))
        if answer.status >= 500:
            span.set_status(StatusCode.ERROR)


def _labels(exchange: Exchange, answer: Answer) -> Labels:
    """Those of an exchange: whatever clients send, there are not many different ones."""
    method = exchange.method if exchange.method in _METHODS else "_OTHER"
    return method, exchange.route.path if exchange.route else "", answer.status
