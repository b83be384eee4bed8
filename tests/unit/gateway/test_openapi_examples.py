"""How examples are made of what protos declare."""

from typing import Any

import pytest
from cryptovault.gateway.v1 import example_pb2
from google.protobuf import descriptor_pb2, timestamp_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pool import DescriptorPool

from services.gateway.openapi.examples import Examples
from services.gateway.openapi.requests import query_fields
from services.gateway.transcoding.catalog import CatalogError

TIMESTAMP = ".google.protobuf.Timestamp"
SIDE, LEG, ORDER = ".shop.v1.Side", ".shop.v1.Leg", ".shop.v1.Order"


class Shop:
    """A proto in the making: an order of two legs."""

    def __init__(self) -> None:
        self.file = descriptor_pb2.FileDescriptorProto(name="shop.proto", package="shop.v1", syntax="proto3")
        self.file.dependency.append("google/protobuf/timestamp.proto")
        self.file.enum_type.add(name="Side").value.add(name="BUY", number=0)
        self.leg = self.file.message_type.add(name="Leg")
        self.order = self.file.message_type.add(name="Order")
        self.field(self.leg, "symbol", Field.TYPE_STRING, "BTC-USD")
        self.field(self.leg, "amount", Field.TYPE_UINT64, "9007199254740993")

    def field(self, message: Any, name: str, kind: Any, *examples: str, of: str = "", many: bool = False) -> None:
        label = Field.LABEL_REPEATED if many else Field.LABEL_OPTIONAL
        number = len(message.field) + 1
        field = message.field.add(name=name, number=number, type=kind, label=label, type_name=of or None)
        field.options.Extensions[example_pb2.example].extend(examples)

    def show(self, names: str) -> None:
        self.order.options.Extensions[example_pb2.example_fields] = names

    def built(self) -> Descriptor:
        pool = DescriptorPool()
        pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
        pool.Add(self.file)
        return pool.FindMessageTypeByName("shop.v1.Order")


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_every_kind_is_written_as_the_transcoder_writes_it(shop: Shop) -> None:
    shop.field(shop.order, "side", Field.TYPE_ENUM, "BUY", of=SIDE)
    shop.field(shop.order, "open", Field.TYPE_BOOL, "true")
    shop.field(shop.order, "tags", Field.TYPE_STRING, "a", "b", many=True)
    shop.field(shop.order, "at", Field.TYPE_MESSAGE, "2026-03-14T10:00:00+01:00", of=TIMESTAMP)
    shop.field(shop.order, "leg", Field.TYPE_MESSAGE, of=LEG)
    assert Examples().answer(shop.built()) == {
        "side": "BUY",
        "open": True,
        "tags": ["a", "b"],
        "at": "2026-03-14T09:00:00Z",
        "leg": {"symbol": "BTC-USD", "amount": "9007199254740993"},
    }


def test_a_field_says_what_is_different_in_its_message(shop: Shop) -> None:
    shop.field(shop.order, "legs", Field.TYPE_MESSAGE, "{}", '{"symbol": "ETH-USD", "amount": 5}', of=LEG, many=True)
    first, second = Examples().answer(shop.built())["legs"]
    assert first["symbol"] == "BTC-USD"
    assert second == {"symbol": "ETH-USD", "amount": 5}


def test_a_request_holds_the_shown_fields_only_and_an_answer_all(shop: Shop) -> None:
    shop.field(shop.order, "name", Field.TYPE_STRING, "first")
    shop.field(shop.order, "limit", Field.TYPE_INT32, "5")
    shop.field(shop.order, "note", Field.TYPE_STRING)
    shop.show("name,note")
    assert Examples().request(shop.built()) == {"name": "first"}
    assert Examples().answer(shop.built()) == {"name": "first", "limit": 0, "note": ""}


def test_a_message_that_holds_itself_ends(shop: Shop) -> None:
    shop.field(shop.order, "name", Field.TYPE_STRING, "first")
    shop.field(shop.order, "parent", Field.TYPE_MESSAGE, of=ORDER)
    assert Examples().answer(shop.built()) == {"name": "first", "parent": None}
    assert [name for name, _ in query_fields(shop.built(), frozenset())] == ["name"]


def test_a_query_names_the_fields_of_messages_with_dots(shop: Shop) -> None:
    shop.field(shop.order, "leg", Field.TYPE_MESSAGE, of=LEG)
    shop.field(shop.order, "legs", Field.TYPE_MESSAGE, of=LEG, many=True)
    shop.field(shop.order, "at", Field.TYPE_MESSAGE, of=TIMESTAMP)
    names = [name for name, _ in query_fields(shop.built(), frozenset({"leg.amount"}))]
    assert names == ["leg.symbol", "at"]


@pytest.mark.parametrize(
    ("kind", "of", "example", "said"),
    [
        (Field.TYPE_INT32, "", "5.5", "field must be a whole number"),
        (Field.TYPE_INT32, "", "five", r"shop\.v1\.Order\.field: the example is not valid JSON"),
        (Field.TYPE_ENUM, SIDE, "HOLD", "field must be one of BUY"),
        (Field.TYPE_MESSAGE, TIMESTAMP, "tomorrow", "field must be a time"),
        (Field.TYPE_MESSAGE, LEG, '{"price": 1}', r"field\.price is not known here"),
        (Field.TYPE_MESSAGE, LEG, "[]", r"shop\.v1\.Order\.field: the example must be an object"),
    ],
)
def test_an_example_that_is_none_is_refused_with_its_field(
    shop: Shop, kind: Any, of: str, example: str, said: str
) -> None:
    shop.field(shop.order, "field", kind, example, of=of)
    with pytest.raises(CatalogError, match=said):
        Examples().answer(shop.built())


def test_shown_fields_must_exist(shop: Shop) -> None:
    shop.show("nmae")
    with pytest.raises(CatalogError, match=r"shop\.v1\.Order: example_fields names 'nmae', which is no field"):
        Examples().request(shop.built())
