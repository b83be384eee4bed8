"""A service that the gateway has never heard of needs a proto with options and an address: no code."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from cryptovault.gateway.v1 import policy_pb2
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, duration_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

from services.gateway.openapi.document import openapi_document
from services.gateway.transcoding.catalog import CatalogError, load
from services.gateway.transcoding.encoding import Encoders
from services.gateway.transcoding.transcoder import Transcoder
from services.kit.errors import InvalidInput
from services.kit.testing import free_port
from tests.unit.gateway.harness import DESCRIPTORS, gateway

PUBLIC, USER = policy_pb2.Policy.PUBLIC, policy_pb2.Policy.USER


def with_orders(verb: str = "patch", **policy: Any) -> descriptor_pb2.FileDescriptorSet:
    """The suite's protos and one more: PATCH (or so) /api/orders/{order_id}, its amount in the body."""
    file = descriptor_pb2.FileDescriptorProto(
        name="cryptovault/orders/v1/orders.proto", package="cryptovault.orders.v1", syntax="proto3"
    )
    file.dependency.extend(["google/api/annotations.proto", "cryptovault/gateway/v1/policy.proto"])
    order = file.message_type.add(name="Order")
    for number, name in enumerate(("order_id", "amount"), 1):
        order.field.add(name=name, number=number, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL)
    method = file.service.add(name="OrdersService").method.add(name="UpdateOrder")
    method.input_type = method.output_type = ".cryptovault.orders.v1.Order"
    http = method.options.Extensions[annotations_pb2.http]
    setattr(http, verb, "/api/orders/{order_id}")
    http.body = "" if verb == "get" else "*"
    method.options.Extensions[policy_pb2.policy].CopyFrom(policy_pb2.Policy(**policy))
    both = descriptor_pb2.FileDescriptorSet()
    both.CopyFrom(DESCRIPTORS)
    both.file.append(file)
    return both


@pytest.fixture
async def orders_address() -> AsyncIterator[str]:
    async def echo(request: bytes, context: Any) -> bytes:
        return request

    handlers = {"UpdateOrder": grpc.unary_unary_rpc_method_handler(echo)}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("cryptovault.orders.v1.OrdersService", handlers)]
    )
    port = server.add_insecure_port(f"127.0.0.1:{free_port()}")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


async def test_a_new_proto_and_an_address_are_served(orders_address: str) -> None:
    operations = load(with_orders(access=PUBLIC, rate="5/second"))
    async with gateway(operations=operations, further={"orders": orders_address}) as harness:
        answer = await harness.client.patch("/api/orders/o-1", json={"amount": "0.5"})
        wrong = await harness.client.patch("/api/orders/o-1", json={"amount": 0.5})
        health = (await harness.client.get("/health")).json()
    assert answer.json() == {"order_id": "o-1", "amount": "0.5"}
    assert answer.headers["ratelimit-policy"] == '"ip";q=5;w=1'
    assert wrong.json()["errors"] == [{"field": "amount", "message": "must be a string"}]
    assert "orders" in health["components"]


def test_it_is_described_as_well() -> None:
    descriptors = with_orders(access=PUBLIC)
    assert b'"/api/orders/{order_id}":{"patch"' in openapi_document(load(descriptors), descriptors)


def wrapped(body: str) -> Transcoder:
    """PATCH /api/orders/{order.order_id}, with the whole request in the body, or the order only."""
    descriptors = with_orders(access=PUBLIC)
    file = descriptors.file[-1]
    request, method = file.message_type.add(name="UpdateOrderRequest"), file.service[0].method[0]
    order = request.field.add(name="order", number=1, type=Field.TYPE_MESSAGE, label=Field.LABEL_OPTIONAL)
    order.type_name = ".cryptovault.orders.v1.Order"
    request.field.add(name="note", number=2, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL)
    method.input_type = ".cryptovault.orders.v1.UpdateOrderRequest"
    http = method.options.Extensions[annotations_pb2.http]
    http.patch, http.body = "/api/orders/{order.order_id}", body
    return Transcoder(load(descriptors)[-1], Encoders())


def test_path_body_and_query_fill_one_message() -> None:
    whole = wrapped("*").request(["o-1"], b"", b'{"order":{"amount":"5"},"note":"x"}')
    parts = wrapped("order").request(["o-1"], b"note=x", b'{"amount":"5"}')
    assert whole == parts == b"\n\x08\n\x03o-1\x12\x015\x12\x01x"


@pytest.mark.parametrize(
    ("body", "query", "sent", "wrong"),
    [
        ("*", b"", b'{"order":{"order_id":"o-2"}}', "order.order_id"),
        ("order", b"", b'{"order_id":"o-2"}', "order.order_id"),
        ("order", b"order.order_id=o-2", b"", "order.order_id"),
        ("order", b"order.amount=5", b'{"amount":"6"}', "order.amount"),
    ],
)
def test_what_one_of_them_gives_no_other_changes(body: str, query: bytes, sent: bytes, wrong: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        wrapped(body).request(["o-1"], query, sent)
    assert [item.field for item in caught.value.fields] == [wrong]


@pytest.mark.parametrize("policy", [{}, {"access": PUBLIC, "rate": "often"}])
def test_a_policy_that_says_too_little_or_nonsense_is_refused_with_the_rpc_named(policy: dict[str, Any]) -> None:
    with pytest.raises(CatalogError, match=r"cryptovault\.orders\.v1\.OrdersService\.UpdateOrder"):
        load(with_orders(**policy))


def test_a_stream_that_is_to_be_kept_is_refused() -> None:
    descriptors = with_orders(access=PUBLIC, cache_ttl=duration_pb2.Duration(seconds=1))
    descriptors.file[-1].service[0].method[0].server_streaming = True
    with pytest.raises(CatalogError, match="UpdateOrder: a stream cannot be kept"):
        load(descriptors)


@pytest.mark.parametrize(
    ("verb", "access", "why"),
    [
        ("patch", PUBLIC, "PATCH /api/orders/{order_id} is no GET"),
        ("get", USER, "GET /api/orders/{order_id} is not public"),
    ],
)
def test_a_cache_ttl_where_nothing_is_kept_is_refused(verb: str, access: policy_pb2.Policy.Access, why: str) -> None:
    descriptors = with_orders(verb, access=access, cache_ttl=duration_pb2.Duration(seconds=1))
    with pytest.raises(CatalogError) as caught:
        load(descriptors)
    assert str(caught.value) == f"cryptovault.orders.v1.OrdersService.UpdateOrder: cache_ttl has no effect, for {why}"


def test_the_policy_is_read_with_its_units() -> None:
    ttl, timeout = duration_pb2.Duration(nanos=250_000_000), duration_pb2.Duration(seconds=9)
    declared = {"access": PUBLIC, "cache_ttl": ttl, "timeout": timeout, "max_body_bytes": 10}
    policy = load(with_orders("get", **declared))[-1].policy
    assert (policy.cache_ttl, policy.timeout, policy.max_body) == (0.25, 9.0, 10)
