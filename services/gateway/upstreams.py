"""The services behind the gateway: a channel each, and all that keeps a bad one from harming the others.

A call goes through a breaker and an adaptive limit, within a deadline. Reads are tried again within a budget, and asked
a second time when they take unusually long, within a smaller one. No other layer retries. Calls carry serialised
messages in and out: what they mean is the transcoder's business.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

import grpc
from grpc_health.v1 import health_pb2

from services.gateway.resilience.breaker import Breaker
from services.gateway.resilience.budget import Budget
from services.gateway.resilience.concurrency import AdaptiveLimit
from services.gateway.resilience.criticality import Overloaded, criticality_of
from services.gateway.resilience.latency import Latencies
from services.gateway.resilience.statistics import UpstreamStatistics
from services.gateway.transcoding.catalog import Operation
from services.kit.breaker import State
from services.kit.caller import Caller
from services.kit.clock import Clock
from services.kit.errors import DETAILS_KEY, CryptoVaultError, DeadlineExceeded, NotFound, Unavailable, from_grpc
from services.kit.retry import Backoff
from services.kit.rpc import plain_channel, trace_headers

ATTEMPTS = 3
PAUSES = Backoff(base=0.05, cap=0.5)  # seconds
RETRY_SHARE, RETRY_MINIMUM = 0.2, 3
HEDGE_SHARE = 0.05
SLOW_SHARE = 0.5  # of an operation's time limit: from there on a call counts as slow
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
BREAKER_FIGURES = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}
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


class Upstream:
    """One service, by a channel without interceptors: every call here has its deadline and its trace."""

    def __init__(self, name: str, to: grpc.aio.Channel, clock: Clock, hedge_share: float = HEDGE_SHARE) -> None:
        self.name = name
        self.channel = to
        self.breaker = Breaker(name, clock.monotonic)
        self.limit = AdaptiveLimit(clock.monotonic)
        self.retries = Budget(RETRY_SHARE, RETRY_MINIMUM, clock.monotonic)
        self.hedges = Budget(hedge_share, 0, clock.monotonic)
        self._latencies = Latencies()
        self._calls: dict[str, StartCall] = {}

    async def call(self, operation: Operation, request: bytes, caller: Caller, deadline: float | None = None) -> bytes:
        """One unary call, within the operation's time limit and the deadline (monotonic seconds), if there is one.

        Raises CryptoVaultError.
        """
        limit = time.monotonic() + operation.policy.timeout
        deadline = limit if deadline is None else min(limit, deadline)
        self.retries.count()
        self.hedges.count()
        pauses = PAUSES.pauses()
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._hedged(operation, request, caller, deadline)
            except Unavailable as error:
                pause = next(pauses)
                if not self._may_retry(operation, error, deadline - pause):
                    raise
            await asyncio.sleep(pause)
        return await self._hedged(operation, request, caller, deadline)

    def stream(self, operation: Operation, request: bytes, caller: Caller) -> ByteStream:
        """Begin a server-streaming call. Raises Unavailable at once while the breaker is open."""
        if not self.breaker.allows():
            raise Unavailable(f"{self.name} is not answering", retry_after=1.0)
        start: StartStream = self.channel.unary_stream(operation.rpc_path)
        return ByteStream(start(request, metadata=caller.to_metadata() + trace_headers()))

    async def check(self, component: str, timeout: float) -> bool:
        """Ask grpc.health.v1 about the service ("") or a part of it. Raises NotFound for a part it does not know."""
        ask: StartCall = self.channel.unary_unary(HEALTH_CHECK)
        request = health_pb2.HealthCheckRequest(service=component).SerializeToString()
        try:
            answer = health_pb2.HealthCheckResponse.FromString(await ask(request, timeout=timeout))
        except grpc.aio.AioRpcError as error:
            raise from_grpc(error) from error
        return answer.status == health_pb2.HealthCheckResponse.SERVING

    def statistics(self) -> UpstreamStatistics:
        """The state of this moment."""
        return UpstreamStatistics(
            breaker=BREAKER_FIGURES[self.breaker.state],
            limit=int(self.limit.limit),
            in_flight=self.limit.in_flight,
            opened=self.breaker.opened,
            shed=self.limit.shed,
            retries=self.retries.spent,
            hedges=self.hedges.spent,
        )

    def _may_retry(self, operation: Operation, error: Unavailable, deadline: float) -> bool:
        """Reads only, and only where it may help."""
        hopeless = isinstance(error, Overloaded) or not self.breaker.allows() or time.monotonic() >= deadline
        return operation.verb == "GET" and not hopeless and self.retries.spend()

    async def _hedged(self, operation: Operation, request: bytes, caller: Caller, deadline: float) -> bytes:
        """An attempt, and for a read that takes longer than 95 % of its kind a second one: the first answer counts.

        The other one is left to end by itself: cancelling calls leaks memory in grpcio (grpc #43360).
        """
        usual = self._latencies.p95(operation.name) if operation.verb == "GET" else None
        if usual is None:
            return await self._attempt(operation, request, caller, deadline)
        first = asyncio.create_task(self._attempt(operation, request, caller, deadline))
        first.add_done_callback(_seen)
        await asyncio.wait({first}, timeout=usual)
        if first.done() or not self._may_hedge(operation):
            return await asyncio.shield(first)
        second = asyncio.create_task(self._attempt(operation, request, caller, deadline))
        second.add_done_callback(_seen)
        return await _first_answer(first, second)

    def _may_hedge(self, operation: Operation) -> bool:
        """Never where it would push others aside, or trouble a service that is not well."""
        share = criticality_of(operation.area, operation.policy).share / 2
        return self.breaker.state is State.CLOSED and self.limit.has_room(share) and self.hedges.spend()

    async def _attempt(self, operation: Operation, request: bytes, caller: Caller, deadline: float) -> bytes:
        """One call. Raises CryptoVaultError; whether that speaks against the service is noted here."""
        probe = self.breaker.enter()
        if not self.limit.enter(criticality_of(operation.area, operation.policy).share):
            self.breaker.leave(probe, counted=False)
            raise Overloaded(f"{self.name} has more to do than it can", retry_after=1.0)
        began = time.monotonic()
        timeout = max(0.001, deadline - began)
        failed, counted = False, False
        try:
            metadata = caller.to_metadata() + trace_headers()
            answer: bytes = await self._start(operation)(request, timeout=timeout, metadata=metadata)
            counted = True
            return answer
        except grpc.aio.AioRpcError as error:
            failure = self._named(from_grpc(error))
            failed, counted = isinstance(failure, AWAY) and not _spoke(error), True
            raise failure from error
        finally:
            self._note(operation, time.monotonic() - began, timeout, probe, failed=failed, counted=counted)

    def _start(self, operation: Operation) -> StartCall:
        call = self._calls.get(operation.name)
        if call is None:
            call = self._calls[operation.name] = self.channel.unary_unary(operation.rpc_path)
        return call

    def _note(
        self, operation: Operation, seconds: float, timeout: float, probe: bool, *, failed: bool, counted: bool
    ) -> None:
        """Learn from a call. One that ran into a deadline of the client's says nothing against the service."""
        expired = failed and seconds >= timeout
        impatient = expired and timeout < operation.policy.timeout * SLOW_SHARE
        slow = seconds >= operation.policy.timeout * SLOW_SHARE
        self.breaker.leave(probe, failed=failed, slow=slow, counted=counted and not impatient)
        telling = counted and (not failed or expired)  # a refused connection is quick
        self.limit.leave(operation.name, seconds if telling else None)
        if counted and not failed:
            self._latencies.add(operation.name, seconds)

    def _named(self, error: CryptoVaultError) -> CryptoVaultError:
        """The error, saying which service it is when that is all there is to say."""
        if isinstance(error, Unavailable) and error.detail == Unavailable.title:
            return Unavailable(f"{self.name} is not answering", retry_after=error.retry_after or 1.0)
        if isinstance(error, DeadlineExceeded):
            return DeadlineExceeded(f"{self.name} did not answer in time")
        return error


async def _first_answer(first: "asyncio.Task[bytes]", second: "asyncio.Task[bytes]") -> bytes:
    """What ends well first; the error of the last one when neither does."""
    done, pending = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        if task.exception() is None or not pending:
            return task.result()
    failed, other = done.pop(), pending.pop()
    if not isinstance(failed.exception(), AWAY):  # the service's own verdict: the other would say the same
        return failed.result()
    return await asyncio.shield(other)


def _seen(task: "asyncio.Task[bytes]") -> None:
    """Nobody may be left to see a failure: then it does not matter."""
    if not task.cancelled():
        task.exception()


def _spoke(error: grpc.aio.AioRpcError) -> bool:
    """Whether the service itself gave the error: then it is alive, though a part that it needs may not be."""
    return any(key == DETAILS_KEY for key, _ in error.trailing_metadata() or ())


class Upstreams:
    """All services, by the area of their protos."""

    def __init__(self, by_area: Mapping[str, Upstream]) -> None:
        self._by_area = by_area

    @classmethod
    @asynccontextmanager
    async def open(
        cls, addresses: Mapping[str, str], clock: Clock, hedge_share: float = HEDGE_SHARE
    ) -> AsyncIterator["Upstreams"]:
        """Channels to every address; they connect when first used."""
        upstreams = {
            area: Upstream(area, plain_channel(address), clock, hedge_share) for area, address in addresses.items()
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

    def statistics(self) -> dict[str, UpstreamStatistics]:
        """The state of every upstream."""
        return {area: upstream.statistics() for area, upstream in self._by_area.items()}
