"""The services behind the gateway, and all that keeps a bad one from harming the others.

A call goes to one of a service's replicas, through a short queue and an adaptive limit, within a deadline. Reads are
tried again within a budget, and asked a second time when they take unusually long, within a smaller one: at another
replica if there is one. No other layer retries. Calls carry serialised messages in and out: what they mean is the
transcoder's business.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import grpc

from services.gateway.balancing.addresses import parse_addresses
from services.gateway.balancing.balancer import STREAMS, Balancer
from services.gateway.balancing.replica import Replica
from services.gateway.balancing.resolver import Resolver
from services.gateway.balancing.verdict import Verdict, verdict_of
from services.gateway.resilience.budget import Budget
from services.gateway.resilience.concurrency import AdaptiveLimit
from services.gateway.resilience.criticality import Overloaded, criticality_of
from services.gateway.resilience.hedging import first_answer
from services.gateway.resilience.latency import Latencies
from services.gateway.resilience.queue import CallQueue
from services.gateway.resilience.statistics import UpstreamStatistics
from services.gateway.tasks import started
from services.gateway.transcoding.catalog import Operation
from services.kit.breaker import State
from services.kit.caller import Caller
from services.kit.cancellation import end
from services.kit.clock import Clock
from services.kit.errors import CryptoVaultError, DeadlineExceeded, NotFound, Unavailable, from_grpc
from services.kit.retry import Backoff
from services.kit.rpc import trace_headers

ATTEMPTS = 3
PAUSES = Backoff(base=0.05, cap=0.5)  # seconds
RETRY_SHARE, RETRY_MINIMUM = 0.2, 3
HEDGE_SHARE = 0.05
EXPIRED_SHARE = 0.9  # of the time that is left: the service itself may say a little earlier that it is over
SLOW_SHARE = 0.5  # of an operation's time limit: from there on a call counts as slow
CHECKED = 2  # replicas that are asked for the service's health, until one answers
FIRST_LOOK_UP_SECONDS = 2.0


class ByteStream:
    """The messages of a server-streaming call, serialised. Closing it cancels the call."""

    def __init__(self, call: "grpc.aio.UnaryStreamCall[bytes, bytes]", ended: Callable[[Verdict], None]) -> None:
        self._call = call
        self._messages = call.__aiter__()
        self._ended: Callable[[Verdict], None] | None = ended

    async def next(self) -> bytes | None:
        """The next message; None at the end. Raises CryptoVaultError when the call fails."""
        try:
            return await anext(self._messages)
        except StopAsyncIteration:
            self._end(Verdict.WELL)
            return None
        except grpc.aio.AioRpcError as error:
            self._end(verdict_of(error))
            raise from_grpc(error) from error

    def close(self) -> None:
        """End the call. Who leaves says nothing against the replica."""
        self._end(Verdict.NONE)
        self._call.cancel()

    def _end(self, verdict: Verdict) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(verdict)


class Upstream:
    """One service, by channels without interceptors: every call here has its deadline and its trace."""

    def __init__(self, name: str, balancer: Balancer, clock: Clock, hedge_share: float = HEDGE_SHARE) -> None:
        self.name = name
        self.balancer = balancer
        self.limit = AdaptiveLimit(clock.monotonic)
        self.queue = CallQueue(self.limit, clock.monotonic)
        self.retries = Budget(RETRY_SHARE, RETRY_MINIMUM, clock.monotonic)
        self.hedges = Budget(hedge_share, 0, clock.monotonic)
        self._latencies = Latencies()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, name: str, address: str, clock: Clock, hedge_share: float = HEDGE_SHARE
    ) -> AsyncIterator["Upstream"]:
        """The service at an address. Channels connect when first used; a name that nobody knows yet is asked for again.

        Raises ValueError when the address is none.
        """
        balancer = Balancer(name, Resolver(parse_addresses(address)), clock.monotonic)
        running = asyncio.create_task(balancer.run())
        try:
            yield cls(name, balancer, clock, hedge_share)
        finally:
            await end([running])
            await balancer.close()

    async def call(self, operation: Operation, request: bytes, caller: Caller, deadline: float | None = None) -> bytes:
        """One unary call, within the operation's time limit and the deadline (monotonic seconds), if there is one.

        Raises CryptoVaultError.
        """
        limit = time.monotonic() + operation.policy.timeout
        deadline = limit if deadline is None else min(limit, deadline)
        self.retries.count()
        if operation.verb == "GET":
            self.hedges.count()
        pauses, tried = PAUSES.pauses(), list[Replica]()
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._hedged(operation, request, caller, deadline, tried)
            except Unavailable as error:
                pause = next(pauses)
                if not self._may_retry(operation, error, deadline - pause):
                    raise
            await asyncio.sleep(pause)
        return await self._hedged(operation, request, caller, deadline, tried)

    def stream(self, operation: Operation, request: bytes, caller: Caller) -> ByteStream:
        """Begin a server-streaming call. Raises Unavailable at once while no replica may be called."""
        replica = self.balancer.pick(load=STREAMS)
        call = replica.stream(operation.rpc_path)(request, metadata=caller.to_metadata() + trace_headers())
        replica.streams += 1

        return ByteStream(call, partial(self._stream_ended, replica))

    def _stream_ended(self, replica: Replica, verdict: Verdict) -> None:
        """Many end at once when a connection has become old, so that they raise a doubt and no more."""
        replica.streams -= 1
        if verdict is Verdict.AWAY:
            replica.breaker.doubt()
            self.balancer.heed(replica, verdict)

    async def check(self, component: str, timeout: float) -> bool:
        """Ask grpc.health.v1 about the service ("") or a part of it, at a replica that answers.

        Raises NotFound for a part it does not know, Unavailable or DeadlineExceeded when nobody answers.
        """
        asked = self.balancer.order()[:CHECKED]
        failure: CryptoVaultError = Unavailable(f"no address of {self.name} is known", retry_after=1.0)
        for replica in asked:
            try:
                return await replica.serves(component, timeout / len(asked))
            except grpc.aio.AioRpcError as error:
                failure = from_grpc(error)
                if verdict_of(error) is not Verdict.AWAY:
                    break
        raise failure

    @property
    def size(self) -> int:
        """How many replicas there are."""
        return len(self.balancer.replicas)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The replicas that get no calls, by their addresses."""
        return tuple(replica.address for replica in self.balancer.replicas if replica.left_out)

    def statistics(self) -> UpstreamStatistics:
        """The state of this moment."""
        return UpstreamStatistics(
            limit=int(self.limit.limit),
            waited=self.queue.waited,
            shed=self.queue.shed,
            retries=self.retries.spent,
            hedges=self.hedges.spent,
            replicas={replica.address: replica.statistics() for replica in self.balancer.replicas},
        )

    def _may_retry(self, operation: Operation, error: Unavailable, deadline: float) -> bool:
        """Reads only, and only where it may help."""
        hopeless = isinstance(error, Overloaded) or not self.balancer.allows() or time.monotonic() >= deadline
        return operation.verb == "GET" and not hopeless and self.retries.spend()

    async def _hedged(
        self, operation: Operation, request: bytes, caller: Caller, deadline: float, tried: list[Replica]
    ) -> bytes:
        """An attempt, and for a read that takes longer than 95 % of its kind a second one: the first answer counts.

        The other one, and what a client that leaves has asked for, is left to end by itself, by its deadline at the
        latest: cancelling calls leaks memory in grpcio (grpc #43360). Who leaves while waiting for room asks nothing.
        """
        await self._begin(operation, deadline)
        first = started(self._attempt(operation, request, caller, deadline, tried))
        usual = self._latencies.p95(operation.name) if operation.verb == "GET" else None
        if usual is None:
            return await asyncio.shield(first)
        await asyncio.wait({first}, timeout=usual)
        if first.done() or not self._begin_hedge(operation):
            return await asyncio.shield(first)
        second = started(self._attempt(operation, request, caller, deadline, tried))
        return await first_answer(first, second)

    async def _begin(self, operation: Operation, deadline: float) -> None:
        """Wait for room below the limit, as long as the client does. Raises Overloaded."""
        kind = criticality_of(operation.area, operation.policy)
        if not self.queue.enter(kind):
            patience = deadline - time.monotonic() if self.balancer.allows() else 0.0
            if not await self.queue.wait(kind, patience):
                raise Overloaded(f"{self.name} has more to do than it can", retry_after=1.0)

    def _begin_hedge(self, operation: Operation) -> bool:
        """Begin a second call; never where it would push others aside, or trouble a service that is not well."""
        kind = criticality_of(operation.area, operation.policy)
        welcome = self.balancer.state is State.CLOSED and self.limit.has_room(kind.share / 2)
        return welcome and self.hedges.spend() and self.queue.enter(kind)

    async def _attempt(
        self, operation: Operation, request: bytes, caller: Caller, deadline: float, tried: list[Replica]
    ) -> bytes:
        """One call that has begun. Raises CryptoVaultError; whether that speaks against the replica is noted here."""
        replica = self._pick(operation, tried)
        tried.append(replica)
        probe, began, verdict = replica.enter(), time.monotonic(), Verdict.NONE
        timeout = max(0.001, deadline - began)
        try:
            metadata = caller.to_metadata() + trace_headers()
            answer: bytes = await replica.call(operation.rpc_path)(request, timeout=timeout, metadata=metadata)
            verdict = Verdict.WELL
            return answer
        except grpc.aio.AioRpcError as error:
            verdict = verdict_of(error)
            raise self._named(from_grpc(error)) from error
        finally:
            self._note(operation, replica, time.monotonic() - began, timeout, probe, verdict)

    def _pick(self, operation: Operation, tried: Collection[Replica]) -> Replica:
        """The replica to call now. Raises Unavailable when none may be called: then the call has ended."""
        try:
            return self.balancer.pick(tried)
        except Unavailable:
            self.queue.leave(operation.name, None)
            raise

    def _note(
        self, operation: Operation, replica: Replica, seconds: float, timeout: float, probe: bool, verdict: Verdict
    ) -> None:
        """Learn from a call. One that was cut short by the client's deadline says nothing, however it ended."""
        slow_from = operation.policy.timeout * SLOW_SHARE
        expired = seconds >= timeout * EXPIRED_SHARE
        if expired and timeout < slow_from:
            verdict = Verdict.NONE
        answered = verdict in (Verdict.WELL, Verdict.FAULT)
        telling = answered or (expired and verdict is Verdict.AWAY)  # a refused connection is quick
        self.queue.leave(operation.name, seconds if telling else None)
        replica.leave(probe, verdict, slow=seconds >= slow_from)
        if answered:
            self._latencies.add(operation.name, seconds)
        if verdict in (Verdict.FAULT, Verdict.AWAY) or replica.breaker.doubted:
            self.balancer.heed(replica, verdict)

    def _named(self, error: CryptoVaultError) -> CryptoVaultError:
        """The error, saying which service it is when that is all there is to say."""
        if isinstance(error, Unavailable) and error.detail == Unavailable.title:
            return Unavailable(f"{self.name} is not answering", retry_after=error.retry_after or 1.0)
        if isinstance(error, DeadlineExceeded):
            return DeadlineExceeded(f"{self.name} did not answer in time")
        return error


class Upstreams:
    """All services, by the area of their protos."""

    def __init__(self, by_area: Mapping[str, Upstream]) -> None:
        self._by_area = by_area

    @classmethod
    @asynccontextmanager
    async def open(
        cls, addresses: Mapping[str, str], clock: Clock, hedge_share: float = HEDGE_SHARE
    ) -> AsyncIterator["Upstreams"]:
        """The services at all addresses, once their names are looked up or have taken too long for it."""
        async with AsyncExitStack() as stack:
            upstreams = {
                area: await stack.enter_async_context(Upstream.open(area, address, clock, hedge_share))
                for area, address in addresses.items()
            }
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_LOOK_UP_SECONDS):
                    await asyncio.gather(*(upstream.balancer.look_up() for upstream in upstreams.values()))
            yield cls(upstreams)

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
