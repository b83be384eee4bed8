"""Elements of answers that are kept as JSON."""

from typing import Any

import msgspec
import pytest
from cryptovault.prices.v1.price_pb2 import Price
from cryptovault.prices.v1.prices_service_pb2 import ListPricesResponse

import services.gateway.transcoding.elements as module
from services.gateway.transcoding.elements import LARGEST, Elements
from services.gateway.transcoding.encoding import Encoders


class Counting:
    """Turns prices into plain data, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, message: Any) -> Any:
        self.count += 1
        return {"symbol": message.symbol, "price": message.price}


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def elements(counting: Counting) -> Elements:
    return Elements(counting)


def prices(*values: str) -> list[Price]:
    return [Price(symbol="BTC-USD", price=value) for value in values]


def written(elements: Elements, messages: list[Price]) -> list[Any]:
    found: list[Any] = msgspec.json.decode(msgspec.json.encode(elements(messages)))
    return found


def test_what_comes_again_is_written_once_and_what_has_changed_anew(elements: Elements, counting: Counting) -> None:
    for _ in range(2):
        found = written(elements, prices("1", "2", "1"))
        assert [item["price"] for item in found] == ["1", "2", "1"]
    assert counting.count == 2


def test_a_message_that_changes_in_place_is_another_one(elements: Elements) -> None:
    (price,) = prices("1")
    before = written(elements, [price])
    price.price = "2"
    assert (before, written(elements, [price])) == (
        [{"symbol": "BTC-USD", "price": "1"}],
        [{"symbol": "BTC-USD", "price": "2"}],
    )


def test_large_elements_are_not_kept(elements: Elements, counting: Counting) -> None:
    for _ in range(2):
        assert written(elements, prices("1" * LARGEST))[0]["price"] == "1" * LARGEST
    assert counting.count == 2


def test_no_more_than_so_many_are_kept(elements: Elements, counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    for value in ("1", "2", "3", "4", "4", "1"):
        assert written(elements, prices(value))[0]["price"] == value
    assert counting.count == 5  # there was no room for the fourth but without the others


def test_an_answer_reads_as_it_would_without() -> None:
    answer = ListPricesResponse(prices=[Price(symbol="BTC-USD", price="1", seq=2**60), Price(symbol="ETH-USD")])
    answer.prices[0].sources.add(venue="coinbase", price="1.0", age_ms=140)
    answer.prices[0].event_time.FromMilliseconds(1_790_000_000_123)
    encoders, descriptor = Encoders(), ListPricesResponse.DESCRIPTOR
    plain = msgspec.json.encode(encoders.encoder(descriptor)(answer))
    encode = encoders.answer_encoder(descriptor)
    assert [msgspec.json.encode(encode(answer)) for _ in range(2)] == [plain, plain]
    assert b"coinbase" in plain
