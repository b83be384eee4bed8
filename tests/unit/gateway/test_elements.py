"""Elements of answers that are kept as JSON."""

from typing import Any

import msgspec
import pytest
from cryptovault.prices.v1.price_pb2 import Candle, Price
from cryptovault.prices.v1.prices_service_pb2 import ListCandlesResponse, ListPricesResponse
from cryptovault.realtime.v1.cluster_pb2 import SocketInfo
from cryptovault.realtime.v1.realtime_service_pb2 import ListSocketsResponse
from google.protobuf.message import DecodeError

import services.gateway.transcoding.elements as module
from services.gateway.transcoding.elements import LARGEST, Elements, split
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
    return Elements(Price.FromString, counting)


def prices(*values: str) -> list[bytes]:
    return [Price(symbol="BTC-USD", price=value).SerializeToString() for value in values]


def written(elements: Elements, parts: list[bytes]) -> list[Any]:
    found: list[Any] = msgspec.json.decode(msgspec.json.encode(elements(parts)))
    return found


def test_what_comes_again_is_written_once_and_what_has_changed_anew(elements: Elements, counting: Counting) -> None:
    for _ in range(2):
        found = written(elements, prices("1", "2", "1"))
        assert [item["price"] for item in found] == ["1", "2", "1"]
    assert counting.count == 2


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
    prices = ListPricesResponse(prices=[Price(symbol="BTC-USD", price="1", seq=2**60), Price(symbol="ETH-USD")])
    prices.prices[0].sources.add(venue="coinbase", price="1.0", age_ms=140)
    prices.prices[0].event_time.FromMilliseconds(1_790_000_000_123)
    candles = ListCandlesResponse(symbol="BTC-USD", interval="1m", candles=[Candle(open="1", trades=3), Candle()])
    sockets = ListSocketsResponse(sockets=[SocketInfo(socket_id="a", channels=["prices"])], total=2**31)
    for answer in (prices, candles, sockets, Price(symbol="BTC-USD"), ListPricesResponse()):
        encoders = Encoders()
        plain = msgspec.json.encode(encoders.encoder(answer.DESCRIPTOR)(answer))
        encode = encoders.answer_encoder(answer.DESCRIPTOR)
        assert [msgspec.json.encode(encode(answer.SerializeToString())) for _ in range(2)] == [plain, plain]


FIELDS = (b"\x08\x96\x01", b"\x11" + bytes(8), b"\x1d" + bytes(4), b"\x22\x02ab")  # 1 to 4, of each kind
LONG = b"x" * 300


def test_a_list_is_split_from_what_stands_around_it() -> None:
    first, second, third, fourth = FIELDS
    items = b"\x2a\x01a", b"\x2a\x00", b"\x2a\xac\x02" + LONG
    message = first + items[0] + second + items[1] + third + items[2] + fourth
    assert split(message, 5) == ([b"a", b"", LONG], b"".join(FIELDS))


@pytest.mark.parametrize("message", [b"\x2a", b"\x2a\x05a", b"\x2a\xff", b"\x2b", b"\x2a\x01a\x11\x00"])
def test_what_is_malformed_is_left_to_who_parses_it(message: bytes) -> None:
    assert split(message, 5) == ([], message)


def test_an_answer_that_is_no_message_is_an_error() -> None:
    encode = Encoders().answer_encoder(ListPricesResponse.DESCRIPTOR)
    for broken in (b"\x0a\x05a", b"\x0a\x02\x0a\x05"):
        with pytest.raises(DecodeError):
            encode(broken)
