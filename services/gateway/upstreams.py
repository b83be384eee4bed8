"""The services behind the gateway: one channel and one breaker each, deadlines, and a single retry for reads.

Calls carry serialised messages in and out: what they mean is the transcoder's business.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import grpc
from grpc_health.v1 import health_pb2

from services.gateway.transcoding.catalog import Operation
from services.kit.breaker import Breaker
from services.kit.caller import Caller
from services.kit.clock import Clock
from services.kit.errors import DETAILS_KEY, CryptoVaultError, DeadlineExceeded, NotFound, Unavailable, from_grpc
from services.kit.rpc import channel

RETRY_PAUSE = 0.05  # seconds
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
StartCall: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
StartStream: TypeAlias = "grpc.aio.UnaryStreamMultiCallable[bytes, bytes]"

AWAY = (Unavailable, DeadlineExceeded)  # what counts against an upstream


class ByteStream:
    """The messages of a server-streaming call, serialised. Closing it cancels the call."""

    def __init__(self, call: "grpc.aio.UnaryStreamCall[bytes, bytes]") -> None:
        self._call = call
        self._messages = call.__aiter__()

    async def next(self) -> bytes | None:
        """The next message; None at the end. Raises CryptoVaultError when the call fails."""
        try:
            return await anext(self._messages)
        except StopAsyncIteration:
            return None
        except grpc.aio.AioRpcError as error:
            raise from_grpc(error) from error

    def close(self) -> None:
        """End the call."""
        self._call.cancel()


@dataclass(frozen=True)
class Upstream:
    """One service."""

    name: str
    channel: grpc.aio.Channel
    breaker: Breaker

    async def call(self, operation: Operation, request: bytes, caller: Caller) -> bytes:
        """One unary call, within the operation's time limit; a read is tried once more. Raises CryptoVaultError."""
        outcome = await self._guarded(operation, request, caller)
        if isinstance(outcome, Unavailable) and operation.verb == "GET" and self.breaker.allows():
            await asyncio.sleep(RETRY_PAUSE)
            outcome = await self._guarded(operation, request, caller)
        if isinstance(outcome, CryptoVaultError):
            raise outcome
        return outcome

    def stream(self, operation: Operation, request: bytes, caller: Caller) -> ByteStream:
        """Begin a server-streaming call. Raises Unavailable at once while the breaker is open."""
        if not self.breaker.allows():
            raise Unavailable(f"{self.name} is not answering", retry_after=1.0)
        start: StartStream = self.channel.unary_stream(operation.rpc_path)
        return ByteStream(start(request, metadata=caller.to_metadata()))

    async def check(self, component: str, timeout: float) -> bool:
        """Ask grpc.health.v1 about the service ("") or a part of it. Raises NotFound for a part it does not know."""
        ask: StartCall = self.channel.unary_unary(HEALTH_CHECK)
        request = health_pb2.HealthCheckRequest(service=component).SerializeToString()
        try:
            answer = health_pb2.HealthCheckResponse.FromString(await ask(request, timeout=timeout))
        except grpc.aio.AioRpcError as error:
            raise from_grpc(error) from error
        return answer.status == health_pb2.HealthCheckResponse.SERVING

    async def _guarded(self, operation: Operation, request: bytes, caller: Caller) -> bytes | CryptoVaultError:
        """The answer or the error, as the breaker lets it happen."""
        try:
            with self.breaker.guard(AWAY):
                return await self._attempt(operation, request, caller)
        except AWAY as error:
            return error

    async def _attempt(self, operation: Operation, request: bytes, caller: Caller) -> bytes | CryptoVaultError:
        """The answer, or the error that the service itself gave. Raises what speaks against the service."""
        call: StartCall = self.channel.unary_unary(operation.rpc_path)
        try:
            answer: bytes = await call(request, timeout=operation.policy.timeout, metadata=caller.to_metadata())
            return answer
        except grpc.aio.AioRpcError as error:
            failure = self._named(from_grpc(error))
            if isinstance(failure, AWAY) and not _spoke(error):
                raise failure from error
            return failure

    def _named(self, error: CryptoVaultError) -> CryptoVaultError:
        """The error, saying which service it is when that is all there is to say."""
        if isinstance(error, Unavailable) and error.detail == Unavailable.title:
            return Unavailable(f"{self.name} is not answering", retry_after=error.retry_after or 1.0)
        if isinstance(error, DeadlineExceeded):
            return DeadlineExceeded(f"{self.name} did not answer in time")
        return error


def _spoke(error: grpc.aio.AioRpcError) -> bool:
    """Whether the service itself gave the error: then it is alive, though a part that it needs may not be."""
    return any(key == DETAILS_KEY for key, _ in error.trailing_metadata() or ())


class Upstreams:
    """All services, by the area of their protos."""

    def __init__(self, by_area: Mapping[str, Upstream]) -> None:
        self._by_area = by_area

    @classmethod
    @asynccontextmanager
    async def open(cls, addresses: Mapping[str, str], clock: Clock) -> AsyncIterator["Upstreams"]:
        """Channels to every address; they connect when first used."""
        upstreams = {
            area: Upstream(area, channel(address), Breaker(area, clock=clock)) for area, address in addresses.items()
        }
        try:
            yield cls(upstreams)
        finally:
            await asyncio.gather(*(upstream.channel.close() for upstream in upstreams.values()))

    def __getitem__(self, area: str) -> Upstream:
        """The service of an area. Raises NotFound when no address is known."""
        upstream = self._by_area.get(area)
        if upstream is None:
            raise NotFound(f"no upstream serves {area}")
        return upstream

    def __contains__(self, area: str) -> bool:
        return area in self._by_area

    @property
    def areas(self) -> tuple[str, ...]:
        """The areas that have an upstream."""
        return tuple(self._by_area)
