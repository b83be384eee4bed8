"""Requests become messages, strictly; answers become JSON."""

from typing import Any

import msgspec
import pytest
from cryptovault.auth.v1 import auth_service_pb2 as auth_pb
from cryptovault.prices.v1 import price_pb2
from cryptovault.prices.v1 import prices_service_pb2 as prices_pb
from cryptovault.realtime.v1 import realtime_service_pb2 as realtime_pb

from services.gateway.transcoding.elements import Elements
from services.gateway.transcoding.encoding import Encoders
from services.gateway.transcoding.transcoder import Transcoder
from services.kit.errors import InvalidInput
from tests.unit.gateway.harness import OPERATIONS

NAMES = {operation.method.full_name.partition(".v1.")[2]: operation for operation in OPERATIONS}


def transcoder(name: str) -> Transcoder:
    return Transcoder(NAMES[name], Encoders())


def wrong_fields(name: str, path: tuple[str, ...], query: bytes, body: bytes) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        transcoder(name).request(path, query, body)
    return [item.field for item in caught.value.fields]


CANDLES, LOGIN, BROADCAST = "PricesService.ListCandles", "AuthService.Login", "RealtimeService.BroadcastToUser"


def test_path_and_query_bind_every_kind_of_field() -> None:
    query = b"interval=5m&start=2026-01-01T01:00:00.5%2B01:00&limit=7"
    request = prices_pb.ListCandlesRequest.FromString(transcoder(CANDLES).request(["BTC-USD"], query, b""))
    assert (request.symbol, request.interval, request.limit) == ("BTC-USD", "5m", 7)
    assert request.start.ToJsonString() == "2026-01-01T00:00:00.500Z"
    assert not request.HasField("end")


def test_a_repeated_parameter_may_come_several_times_and_commas_are_left_to_the_service() -> None:
    data = transcoder("PricesService.ListPrices").request([], b"symbols=BTC-USD,ETH-USD&symbols=SOL-USD", b"")
    assert prices_pb.ListPricesRequest.FromString(data).symbols == ["BTC-USD,ETH-USD", "SOL-USD"]


def test_the_body_holds_the_fields_that_the_path_does_not() -> None:
    body = b'{"event":"notification","data":{"text":"hi","n":[1,null,true,{"a":1.5}]}}'
    data = transcoder(BROADCAST).request(["u1"], b"", body)
    request = realtime_pb.BroadcastToUserRequest.FromString(data)
    assert (request.user_id, request.event) == ("u1", "notification")
    assert request.data["text"] == "hi"
    assert Encoders().encoder(request.data.DESCRIPTOR)(request.data)["n"] == [1.0, None, True, {"a": 1.5}]


def test_null_and_an_empty_body_mean_not_given() -> None:
    assert transcoder(LOGIN).request([], b"", b'{"email":null}') == b""
    assert transcoder(LOGIN).request([], b"", b"") == b""


@pytest.mark.parametrize(
    ("name", "path", "query", "body", "expected"),
    [
        (CANDLES, ("X",), b"limit=ten", b"", ["limit"]),
        (CANDLES, ("X",), b"limit=99999999999", b"", ["limit"]),
        (CANDLES, ("X",), b"limit=", b"", ["limit"]),
        (CANDLES, ("X",), b"limit=1&limit=2", b"", ["limit"]),
        (CANDLES, ("X",), b"start=yesterday", b"", ["start"]),
        (CANDLES, ("X",), b"start=2026-02-30T00:00:00Z", b"", ["start"]),
        (CANDLES, ("X",), b"start.seconds=x", b"", ["start.seconds"]),
        (CANDLES, ("X",), b"symbol=Y", b"", ["symbol"]),
        (CANDLES, ("X",), b"interval=%ff", b"", ["interval"]),
        (CANDLES, ("X",), b"limit=x&end=y&colour=z", b"", ["limit", "end", "colour"]),
        ("RealtimeService.ListNotifications", (), b"after=-1", b"", ["after"]),
        (LOGIN, (), b"", b"{", ["body"]),
        (LOGIN, (), b"", b"\xff\xfe", ["body"]),
        (LOGIN, (), b"", b'"text"', ["body"]),
        (LOGIN, (), b"", b"[" * 5000 + b"]" * 5000, ["body"]),
        (LOGIN, (), b"", b'{"email":5,"password":["x"]}', ["email", "password"]),
        (LOGIN, (), b"", b'{"email":"a","colour":1}', ["colour"]),
        (LOGIN, (), b"", b'{"email":"\\ud800"}', ["body"]),
        (LOGIN, (), b"email=a", b"{}", ["email"]),
        (BROADCAST, ("u",), b"", b'{"user_id":"v"}', ["user_id"]),
        (BROADCAST, ("u",), b"", b'{"data":[]}', ["data"]),
        (BROADCAST, ("u",), b"", b'{"data":{"a":[1%s]},"b":1}' % (b"0" * 400), ["data", "b"]),
        (CANDLES, ("X",), b"=1", b"", ["query"]),
    ],
)
def test_every_mistake_is_named(name: str, path: tuple[str, ...], query: bytes, body: bytes, expected: Any) -> None:
    assert wrong_fields(name, path, query, body) == expected


def test_an_answer_has_every_field_and_numbers_for_small_64_bit_integers() -> None:
    answer = prices_pb.GetPriceResponse()
    answer.price.symbol, answer.price.quality, answer.price.seq = "BTC-USD", 4, 2**53
    answer.price.event_time.FromMilliseconds(1_700_000_000_123)
    answer.price.sources.add(venue="kraken", price="61234.50", age_ms=12)
    body = msgspec.json.decode(transcoder("PricesService.GetPrice").answer(answer.SerializeToString()))
    assert body["sources"] == [{"venue": "kraken", "price": "61234.50", "age_ms": 12}]
    assert (body["quality"], body["seq"], body["max_age_ms"]) == ("SINGLE_SOURCE", "9007199254740992", 0)
    assert (body["event_time"], body["published_at"]) == ("2023-11-14T22:13:20.123Z", None)


def test_what_one_user_alone_is_told_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bytes] = []
    monkeypatch.setattr(Elements, "_add", lambda _, part: kept.append(part))
    sessions = auth_pb.ListSessionsResponse(sessions=[auth_pb.Session(session_id="s1")])
    prices = prices_pb.ListPricesResponse(prices=[price_pb2.Price(symbol="BTC-USD")])
    assert b'"s1"' in transcoder("AuthService.ListSessions").answer(sessions.SerializeToString())
    transcoder("PricesService.ListPrices").answer(prices.SerializeToString())
    assert kept == [prices.prices[0].SerializeToString()]


def test_response_body_unwraps_the_answer() -> None:
    answer = auth_pb.LoginResponse()
    answer.tokens.access_token = "abc"
    body = msgspec.json.decode(transcoder(LOGIN).answer(answer.SerializeToString()))
    assert (body["access_token"], body["expires_in"]) == ("abc", 0)
