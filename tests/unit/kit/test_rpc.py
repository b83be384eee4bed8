"""RPC: errors in their wire form, deadlines passed on, the caller carried along, health by name."""

import types
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from cryptovault.cache.v1 import cache_service_pb2 as messages
from cryptovault.cache.v1.cache_service_pb2_grpc import (
    CacheServiceServicer,
    CacheServiceStub,
    add_CacheServiceServicer_to_server,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.kit import deadline
from services.kit.caller import Caller, caller_of
from services.kit.errors import FieldError, Internal, InvalidInput, from_grpc
from services.kit.health import Health
from services.kit.interceptors import ServerInterceptor, remaining
from services.kit.rpc import RpcServer, channel

WIRE_ROUNDING = 0.1  # seconds: gRPC rounds a deadline up on its way


class Servicer(CacheServiceServicer):
    def __init__(self) -> None:
        self.caller = Caller()
        self.left = 0.0

    async def GetStats(self, request, context):
        raise KeyError("a fault of ours")

    async def Invalidate(self, request, context):
        self.caller, self.left = caller_of(context), remaining(60)
        if not request.pattern:
            raise InvalidInput("pattern is needed", fields=(FieldError("pattern", "is empty"),))
        return messages.InvalidateResponse(removed=3)


@asynccontextmanager
async def served(servicer: Servicer, health: Health | None = None) -> AsyncIterator[grpc.aio.Channel]:
    register = [(add_CacheServiceServicer_to_server, servicer)]
    server = RpcServer(0, register=register, service_names=[], health=health or Health(), host="127.0.0.1")
    await server.start()
    async with channel(f"127.0.0.1:{server.port}") as connection:
        yield connection
    await server.drain(0)


async def test_an_error_of_ours_arrives_with_its_fields():
    async with served(Servicer()) as connection:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await CacheServiceStub(connection).Invalidate(messages.InvalidateRequest())
    arrived = from_grpc(caught.value)
    assert isinstance(arrived, InvalidInput)
    assert arrived.fields == (FieldError("pattern", "is empty"),)


async def test_an_unexpected_failure_tells_the_client_nothing():
    async with served(Servicer()) as connection:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await CacheServiceStub(connection).GetStats(messages.GetStatsRequest())
    assert isinstance(from_grpc(caught.value), Internal)
    assert "KeyError" not in str(caught.value.details())


async def test_the_caller_and_the_deadline_travel():
    servicer, caller = Servicer(), Caller(user_id="u1", scopes=frozenset({"admin"}), user_agent="Müller/1")
    async with served(servicer) as connection:
        stub = CacheServiceStub(connection)
        request = messages.InvalidateRequest(pattern="user:*")
        await stub.Invalidate(request, metadata=caller.to_metadata(), timeout=2)
    assert (servicer.caller.user_id, servicer.caller.scopes) == ("u1", frozenset({"admin"}))
    assert servicer.caller.user_agent == "M?ller/1"
    assert 1 < servicer.left < 2 + WIRE_ROUNDING


class ExpiredContext:
    """A call whose deadline was over when its turn came."""

    def __init__(self) -> None:
        self.code: grpc.StatusCode | None = None

    def time_remaining(self) -> float:
        return 0.0

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    async def abort(self, code: grpc.StatusCode, detail: str, trailing_metadata: object) -> None:
        self.code = code


async def test_a_call_that_has_expired_is_not_begun():
    servicer, context = Servicer(), ExpiredContext()

    async def found(details: object) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(servicer.Invalidate)

    details = types.SimpleNamespace(method="/cryptovault.cache.v1.CacheService/Invalidate")
    handler = await ServerInterceptor().intercept_service(found, details)
    await handler.unary_unary(messages.InvalidateRequest(pattern="user:*"), context)
    assert context.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert servicer.caller == Caller()
    assert deadline.left() is None


async def test_health_answers_three_questions_and_for_each_component():
    health = Health()

    async def broken() -> None:
        raise OSError("away")

    health.add("postgres", broken)
    health.mark_started()
    await health.probe_once()
    async with served(Servicer(), health) as connection:
        stub = health_pb2_grpc.HealthStub(connection)
        states = {
            name: (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status
            for name in ("", "live", "startup", "postgres")
        }
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert states == {"": not_serving, "live": serving, "startup": serving, "postgres": not_serving}


async def test_a_port_that_is_taken_is_named():
    async with served(Servicer()):
        first = RpcServer(0, register=[], service_names=[], health=Health(), host="127.0.0.1")
        await first.start()
        second = RpcServer(first.port, register=[], service_names=[], health=Health(), host="127.0.0.1")
        with pytest.raises(OSError, match=str(first.port)):
            await second.start()
        await first.drain(0)
