"""What happens around every RPC: deadline, trace context, metrics, and errors in their wire form."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from services.kit import deadline, telemetry
from services.kit.durations import Durations
from services.kit.errors import DETAILS_KEY, CryptoVaultError, Internal, forget_way

logger = logging.getLogger(__name__)

Context = Any  # grpc.aio.ServicerContext, generic over messages that an interceptor knows nothing of

_tracer = telemetry.tracer("cryptovault.rpc")
# Semantic conventions for RPC, OpenTelemetry 1.45: seconds.
_server_durations = Durations("rpc.server.call.duration", ("rpc.system.name", "rpc.method", "rpc.response.status_code"))

DEFAULT_TIMEOUT = 5.0  # seconds


def remaining(timeout: float | None = None) -> float:
    """Seconds that an outgoing call may take: its own timeout, or what is left of the incoming call's deadline."""
    own, left = DEFAULT_TIMEOUT if timeout is None else timeout, deadline.left()
    return own if left is None else max(0.0, min(own, left))


class ServerInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler; handlers raise CryptoVaultError and know nothing of gRPC's status codes."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler that the server has found."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith("/grpc."):  # health and reflection are not work of ours
            return handler
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(
                _wrap_unary(method, handler.unary_unary),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(
                _wrap_stream(method, handler.unary_stream),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        return handler


def _wrap_unary(method: str, behavior: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def call(request: Any, context: Context) -> Any:
        with _around(method, context) as outcome:
            try:
                deadline.check()
                return await behavior(request, context)
            except Exception as error:
                known = outcome.failed(error)
                forget_way(error)
                await _abort(context, known)
            finally:
                del context  # which keeps what `abort` raises, and that keeps this frame: a cycle for each failure

    return call


def _wrap_stream(method: str, behavior: Callable[[Any, Context], AsyncIterator[Any]]) -> Callable[..., Any]:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        with _around(method, context) as outcome:
            try:
                deadline.check()
                async for message in behavior(request, context):
                    yield message
            except Exception as error:
                known = outcome.failed(error)
                forget_way(error)
                await _abort(context, known)
            finally:
                del context  # as above

    return call


class _Outcome:
    """How a call ended, for its span and its metric."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.code = grpc.StatusCode.OK

    def failed(self, error: Exception) -> CryptoVaultError:
        known = error if isinstance(error, CryptoVaultError) else _unexpected(self.method, error)
        self.code = known.grpc_code
        return known


def _unexpected(method: str, error: Exception) -> CryptoVaultError:
    logger.error("%s failed", method, exc_info=error)
    telemetry.capture(error)
    return Internal()


@contextmanager
def _around(method: str, context: Context) -> Iterator[_Outcome]:
    outcome, began = _Outcome(method), time.perf_counter()
    headers = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    span = _tracer.start_span(method.lstrip("/"), context=telemetry.extract(headers), kind=SpanKind.SERVER)
    seconds = context.time_remaining()
    del context  # as above
    try:
        with (
            deadline.within(seconds),
            trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False),
        ):
            yield outcome
    except asyncio.CancelledError:
        outcome.code = grpc.StatusCode.CANCELLED
        raise
    finally:
        _server_durations.record(time.perf_counter() - began, ("grpc", method.lstrip("/"), outcome.code.name))


async def _abort(context: Context, error: CryptoVaultError) -> None:
    try:
        await context.abort(error.grpc_code, error.detail, trailing_metadata=((DETAILS_KEY, error.to_grpc()),))
    finally:
        del context


def trace_headers() -> tuple[tuple[str, str], ...]:
    """The trace of the work at hand, as metadata of an outgoing call."""
    headers: dict[str, str] = {}
    telemetry.inject(headers)
    return tuple(headers.items())


def _outgoing(details: grpc.aio.ClientCallDetails, timeout: float | None) -> grpc.aio.ClientCallDetails:
    metadata = grpc.aio.Metadata(*(details.metadata or ()), *trace_headers())
    return grpc.aio.ClientCallDetails(details.method, timeout, metadata, details.credentials, details.wait_for_ready)


class UnaryClientInterceptor(grpc.aio.UnaryUnaryClientInterceptor):
    """Gives outgoing calls the trace context and what is left of the deadline."""

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Pass the call on."""
        return await continuation(_outgoing(client_call_details, remaining(client_call_details.timeout)), request)


class StreamClientInterceptor(grpc.aio.UnaryStreamClientInterceptor):
    """Gives outgoing streams the trace context. A stream has no deadline unless the caller sets one."""

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Pass the call on."""
        return await continuation(_outgoing(client_call_details, client_call_details.timeout), request)
