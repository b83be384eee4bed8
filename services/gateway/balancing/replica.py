"""One server of a service."""

from collections.abc import Callable
from typing import TypeAlias

import grpc
from grpc_health.v1 import health_pb2

from services.gateway.balancing.outliers import Record
from services.gateway.balancing.verdict import Verdict, verdict_of
from services.gateway.resilience.breaker import Breaker
from services.gateway.resilience.statistics import ReplicaStatistics
from services.kit.breaker import State

Connectivity = grpc.ChannelConnectivity

HEALTH_CHECK = "/grpc.health.v1.Health/Check"
SOUNDING_SECONDS = 1.0
BREAKER_FIGURES = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}

StartCall: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
StartStream: TypeAlias = "grpc.aio.UnaryStreamMultiCallable[bytes, bytes]"


class Replica:
    """Its channel, what is under way there, and what is known of how it is. `service` is its name for clients."""

    def __init__(self, service: str, address: str, channel: grpc.aio.Channel, now: Callable[[], float]) -> None:
        self.address = address
        self.breaker = Breaker(service, now)
        self.record = Record(now)
        self.in_flight = 0
        self.streams = 0
        self.channel = channel
        self._calls: dict[str, StartCall] = {}

    @property
    def fit(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.breaker.doubted and not self.record.ejected and self.connect() is Connectivity.READY

    @property
    def left_out(self) -> bool:
        """Whether it gets no calls as long as others are fit."""
        lost = self.connect() is Connectivity.TRANSIENT_FAILURE
        return lost or self.breaker.state is not State.CLOSED or self.record.ejected

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self.in_flight == self.streams == 0

    def connect(self) -> grpc.ChannelConnectivity:
        """Begin to connect if nothing has done so; how far that is. It takes 0.2 microseconds."""
        return self.channel.get_state(try_to_connect=True)

    def call(self, path: str) -> StartCall:
        """What begins a unary call. The call has to be entered and left."""
        start = self._calls.get(path)
        if start is None:
            start = self._calls[path] = self.channel.unary_unary(path)
        return start

    def stream(self, path: str) -> StartStream:
        """What begins a server-streaming call. `streams` is the caller's to count."""
        start: StartStream = self.channel.unary_stream(path)
        return start

    def enter(self) -> bool:
        """Begin a call, to be ended by `leave` with what is returned here. Raises Unavailable when none may begin."""
        probe = self.breaker.enter()
        self.in_flight += 1
        return probe

    def leave(self, probe: bool, verdict: Verdict, *, slow: bool = False) -> None:
        """End a call."""
        self.in_flight -= 1
        counted = verdict is not Verdict.NONE
        self.breaker.leave(probe, failed=verdict is Verdict.AWAY, slow=slow, counted=counted)
        if counted:
            self.record.add(fault=verdict is not Verdict.WELL)

    async def serves(self, component: str, timeout: float) -> bool:
        """Ask grpc.health.v1 about the service ("") or a part of it. Raises grpc.aio.AioRpcError."""
        answer = health_pb2.HealthCheckResponse.FromString(await self._ask(component, timeout))
        return answer.status == health_pb2.HealthCheckResponse.SERVING

    async def sound(self) -> None:
        """Find out whether it answers, so that no client's call has to. It may answer that it is not ready."""
        if not self.breaker.allows():
            return
        probe = self.breaker.enter()
        answered = await self._answers()
        self.breaker.leave(probe, failed=not answered, counted=probe or not answered)
        if answered:
            self.breaker.reassure()

    async def _answers(self) -> bool:
        try:
            await self._ask("", SOUNDING_SECONDS, patient=True)
        except grpc.aio.AioRpcError as error:
            return verdict_of(error) is not Verdict.AWAY
        return True

    async def _ask(self, component: str, timeout: float, *, patient: bool = False) -> bytes:
        """The answer of its health service; `patient` waits for a connection."""
        request = health_pb2.HealthCheckRequest(service=component).SerializeToString()
        self.in_flight += 1
        try:
            return await self.call(HEALTH_CHECK)(request, timeout=timeout, wait_for_ready=patient or None)
        finally:
            self.in_flight -= 1

    async def close(self) -> None:
        """End its channel, and what is under way there."""
        await self.channel.close()

    def statistics(self) -> ReplicaStatistics:
        """The state of this moment."""
        return ReplicaStatistics(
            breaker=BREAKER_FIGURES[self.breaker.state],
            in_flight=self.in_flight,
            streams=self.streams,
            opened=self.breaker.opened,
            ejections=self.record.ejections,
        )
