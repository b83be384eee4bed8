"""gRPC servers and channels, set up once: interceptors, health, reflection, balancing, connection age."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.kit.health import Health, Status
from services.kit.interceptors import (
    ServerInterceptor,
    StreamClientInterceptor,
    UnaryClientInterceptor,
    remaining,
    trace_headers,
)

SECONDS = 1000  # gRPC's options count milliseconds

Registration = tuple[Callable[[Any, Any], None], Any]

SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    # Clients learn of new replicas only when a connection ends (grpc issue 12295), so none lives for ever.
    ("grpc.max_connection_age_ms", 300 * SECONDS),
    ("grpc.max_connection_age_grace_ms", 30 * SECONDS),
    ("grpc.http2.min_ping_interval_without_data_ms", 5 * SECONDS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.so_reuseport", 0),  # a port that is taken is a mistake to hear of
)

CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    ("grpc.keepalive_time_ms", 20 * SECONDS),
    ("grpc.keepalive_timeout_ms", 5 * SECONDS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2 * SECONDS),
    ("grpc.dns_min_time_between_resolutions_ms", 5 * SECONDS),
    ("grpc.enable_retries", 0),  # retries belong to one layer only: the gateway's
)

PICK_FIRST = {"grpc.service_config": json.dumps({"loadBalancingConfig": [{"pick_first": {}}]})}


class RpcServer:
    """A grpc.aio server with the house's interceptors, the standard health service and reflection."""

    def __init__(
        self,
        port: int,
        *,
        register: Sequence[Registration],
        service_names: Sequence[str],
        health: Health,
        host: str = "127.0.0.1",
    ) -> None:
        self._address = f"{host}:{port}"
        self._register = register
        self._service_names = service_names
        self._health = health
        self._server: grpc.aio.Server | None = None
        self.port = port

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        server = grpc.aio.server(interceptors=[ServerInterceptor()], options=SERVER_OPTIONS)
        for add_servicer, servicer in self._register:
            add_servicer(servicer, server)
        health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(self._health), server)
        names = (*self._service_names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
        reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)
        try:
            self.port = server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._address}: is another process using the port?") from error
        await server.start()
        self._server = server

    async def drain(self, grace: float) -> None:
        """Take no new calls; end when those in flight are done, or after `grace` seconds."""
        if self._server is not None:
            await self._server.stop(grace)


class HealthServicer(health_pb2_grpc.HealthServicer):
    """grpc.health.v1: "" is readiness, "live" and "startup" the other two questions, any other name a component."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def Check(self, request: Any, context: Any) -> Any:
        """Answer for one name; NOT_FOUND for a name that means nothing here."""
        state = self._state(request.service)
        if state is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"unknown name {request.service!r}")
        return _response(bool(state))

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Answer now and at every change."""
        last: bool | None = None
        while True:
            state = bool(self._state(request.service))
            if state is not last:
                last = state
                yield _response(state)
            await asyncio.sleep(0.5)

    def _state(self, name: str) -> bool | None:
        phases = {"": self._health.ready, "live": self._health.live, "startup": self._health.started}
        if name in phases:
            return phases[name]
        component = self._health.components.get(name)
        return None if component is None else component.status is Status.OK


def _response(serving: bool) -> health_pb2.HealthCheckResponse:
    kind = health_pb2.HealthCheckResponse
    return kind(status=kind.SERVING if serving else kind.NOT_SERVING)


def channel(address: str) -> grpc.aio.Channel:
    """A channel to `host:port` or `dns:///host:port`, spread over all replicas. Connects when first used."""
    return grpc.aio.insecure_channel(
        address,
        options=CHANNEL_OPTIONS,
        interceptors=[UnaryClientInterceptor(), StreamClientInterceptor()],
    )


def plain_channel(address: str) -> grpc.aio.Channel:
    """A channel to one server, without interceptors, which cost a task a call: for those who spread calls themselves,
    and give every call its deadline and `trace_headers`.
    """
    return grpc.aio.insecure_channel(address, options=tuple((dict(CHANNEL_OPTIONS) | PICK_FIRST).items()))


__all__ = ["CHANNEL_OPTIONS", "HealthServicer", "RpcServer", "channel", "plain_channel", "remaining", "trace_headers"]
