"""Single policies, each by its rule."""

import asyncio

import pytest

from services.gateway.errors import RequestTimeout
from services.gateway.pipeline import body
from services.gateway.pipeline.compression import choose
from services.gateway.pipeline.conditional import matches
from services.gateway.pipeline.exchange import Answer, Exchange, Route
from services.gateway.pipeline.rate_limit import subject_of
from services.gateway.pipeline.routing import RoutingTable
from services.gateway.sockets.target import Target
from services.gateway.sockets.websocket import sendable
from services.gateway.transcoding.templates import parse
from services.kit.caller import Caller
from services.kit.errors import InvalidInput


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", "identity"),
        ("gzip", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip;q=0", "identity"),
        ("*", "br"),
        ("*;q=0.5, br;q=0", "zstd"),
        ("identity, gzip;q=0.5", "identity"),
        ("gzip;q=nonsense", "identity"),
        ("gzip, zstd", "zstd"),
        ("zstd;q=0.9, br;q=0.5", "zstd"),
        ("deflate", "identity"),
        ("br" + " " * 60_000, "br"),
    ],
)
def test_the_coding_is_the_one_the_client_likes_best(accept: str, coding: str) -> None:
    assert choose(accept) == coding


@pytest.mark.parametrize(
    ("user", "ip", "subject"),
    [
        ("u1", "192.0.2.1", ("user", "u1")),
        ("", "192.0.2.1", ("ip", "192.0.2.1")),
        ("", "2001:db8:1:2:3:4:5:6", ("ip", "2001:db8:1:2::/64")),
        ("", "::ffff:192.0.2.1", ("ip", "192.0.2.1")),
        ("", "", ("ip", "")),
        ("", "no address", ("ip", "")),
    ],
)
def test_quotas_count_for_users_then_addresses_then_networks(user: str, ip: str, subject: tuple[str, str]) -> None:
    assert subject_of(exchange(client_ip=ip, caller=Caller(user_id=user))) == subject


async def nobody(exchange: Exchange) -> Answer:
    return Answer(204, [])


PATHS = ("/", "/api/prices", "/api/prices/{symbol}", "/api/prices/{symbol}/candles", "/api/prices/top", "/f/{path=**}")


@pytest.mark.parametrize(
    ("path", "route", "values"),
    [
        ("/", "/", ()),
        ("/api/prices", "/api/prices", ()),
        ("/api/prices/BTC-USD", "/api/prices/{symbol}", ("BTC-USD",)),
        ("/api/prices/top", "/api/prices/top", ()),
        ("/api/prices/top/candles", "/api/prices/{symbol}/candles", ("top",)),
        ("/api/prices/a%2Fb", "/api/prices/{symbol}", ("a/b",)),
        ("/f/a/b/c", "/f/{path=**}", ("a/b/c",)),
        ("/f/", "/f/{path=**}", ("",)),
        ("/api/prices/", None, ()),
        ("/api", None, ()),
    ],
)
def test_literals_win_over_variables(path: str, route: str | None, values: tuple[str, ...]) -> None:
    table = RoutingTable(Route("GET", item, nobody) for item in PATHS)
    found = table.find(path)
    assert (found.routes["GET"].path, found.values) == (route, values) if found else route is None


def test_a_path_that_is_not_utf8_is_refused_and_a_route_declared_twice_is_a_mistake() -> None:
    table = RoutingTable(Route("GET", item, nobody) for item in PATHS)
    with pytest.raises(InvalidInput):
        table.find("/api/prices/%ff")
    with pytest.raises(ValueError, match="declared twice"):
        RoutingTable([Route("GET", "/a", nobody), Route("GET", "/a", nobody)])


@pytest.mark.parametrize("template", ["api/x", "/a/{b=c}", "/a b", "/{x=**}/y", "/{X}"])
def test_templates_that_are_not_served_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match="path template"):
        parse(template)


def test_etags_compare_weakly() -> None:
    assert matches(b'"a", W/"b"', b'W/"b"')
    assert matches(b"*", b'"c"')
    assert not matches(b'"a"', b'W/"b"')


@pytest.mark.parametrize(("code", "sent"), [(1000, 1000), (1005, 1000), (1006, 1011), (4001, 4001), (99, 1011)])
def test_only_codes_that_may_be_sent_are_sent(code: int, sent: int) -> None:
    assert sendable(code) == sent


def test_forwarding_keeps_path_and_query_and_replaces_what_clients_must_not_say() -> None:
    target = Target("http://realtime:8002/")
    headers = [(b"cookie", b"a=b"), (b"x-forwarded-for", b"6.6.6.6"), (b"sec-websocket-key", b"k"), (b"host", b"h")]
    assert str(target.url("/socket.io/", b"EIO=4&t=%2F")) == "http://realtime:8002/socket.io/?EIO=4&t=%2F"
    assert target.headers(headers, "192.0.2.1", secure=True) == [
        ("cookie", "a=b"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
    ]


def exchange(**known: object) -> Exchange:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    base = {"method": "GET", "path": "/", "query": b"", "headers": {}, "peer": "", "secure": False}
    return Exchange(**{**base, "http_version": "2", "receive": receive, **known})


@pytest.mark.parametrize("limit", ["IDLE_SECONDS", "TOTAL_SECONDS"])
async def test_a_body_that_does_not_come_is_waited_for_only_so_long(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    async def drip() -> dict[str, object]:
        await asyncio.sleep(0.01 if limit == "TOTAL_SECONDS" else 60)
        return {"type": "http.request", "body": b"x", "more_body": True}

    monkeypatch.setattr(body, limit, 0.05)
    with pytest.raises(RequestTimeout, match="did not arrive in time"):
        await body.read_body(exchange(method="POST", receive=drip), 1_000_000)
