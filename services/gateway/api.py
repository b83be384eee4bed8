"""The handler of every operation: translate, call the upstream, translate back. There is no other per route."""

import asyncio
from collections.abc import Iterable
from functools import partial

from cryptovault.gateway.v1.policy_pb2 import Policy as Declared

from services.gateway.events import EventStream
from services.gateway.pipeline.exchange import JSON, Answer, Exchange, Route
from services.gateway.transcoding.catalog import Operation
from services.gateway.transcoding.encoding import Encoders
from services.gateway.transcoding.transcoder import Transcoder
from services.gateway.upstreams import Upstream, Upstreams
from services.kit.errors import CryptoVaultError, problem


def api_routes(operations: Iterable[Operation], upstreams: Upstreams, stopping: asyncio.Event) -> list[Route]:
    """A route for each operation."""
    encoders = Encoders()
    return [
        Route(
            operation.verb,
            operation.template.text,
            _handler(operation, Transcoder(operation, encoders), upstreams[operation.area], stopping),
            operation.policy,
            operation.name,
            operation.area,
        )
        for operation in operations
    ]


class UnaryHandler:
    """One request, one answer."""

    def __init__(self, operation: Operation, transcoder: Transcoder, upstream: Upstream) -> None:
        self._operation = operation
        self._transcoder = transcoder
        self._upstream = upstream
        self._secret = carries_secrets(operation)

    async def __call__(self, exchange: Exchange) -> Answer:
        """Answer the exchange. Raises CryptoVaultError."""
        request = self._transcoder.request(exchange.path_values, exchange.query, exchange.body)
        answer = await self._upstream.call(self._operation, request, exchange.caller, exchange.deadline)
        body = self._transcoder.answer(answer)
        return Answer(200, [(b"content-type", JSON)], body, compressible=not self._secret)


def carries_secrets(operation: Operation) -> bool:
    """Whether a token or a key may stand in the answers, beside what the client sent: then nothing is compressed."""
    personal = operation.policy.access != Declared.PUBLIC
    return operation.policy.fail_closed or (personal and operation.area == "auth")


class StreamHandler:
    """One request, a stream of events."""

    def __init__(
        self, operation: Operation, transcoder: Transcoder, upstream: Upstream, stopping: asyncio.Event
    ) -> None:
        self._operation = operation
        self._transcoder = transcoder
        self._upstream = upstream
        self._stopping = stopping

    async def __call__(self, exchange: Exchange) -> Answer:
        """Answer the exchange. Raises CryptoVaultError when the call fails before its first message."""
        request = self._transcoder.request(exchange.path_values, exchange.query, exchange.body)
        open_call = partial(self._upstream.stream, self._operation, request, exchange.caller)
        stream = EventStream(open_call, self._transcoder.answer, self._stopping)
        await stream.begin()

        def describe(error: CryptoVaultError) -> bytes:
            return problem(error, instance=exchange.path, trace_id=exchange.trace_id)

        headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        if exchange.method == "HEAD":
            stream.close()
            return Answer(200, headers)
        return Answer(200, headers, stream=stream.events(describe))


def _handler(
    operation: Operation, transcoder: Transcoder, upstream: Upstream, stopping: asyncio.Event
) -> UnaryHandler | StreamHandler:
    if operation.streams:
        return StreamHandler(operation, transcoder, upstream, stopping)
    return UnaryHandler(operation, transcoder, upstream)
