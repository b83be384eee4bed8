"""The header fields of requests and answers."""

import pytest

from services.gateway.http2.limits import Limits
from services.gateway.http2.request import Refused, Request
from services.gateway.http2.response import checked, head, refusal

LIMITS = Limits(header_fields=10, header_bytes=1000)
FIELDS = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"example.org"), (b":path", b"/a%20b?c=d")]


def request(*more: tuple[bytes, bytes], fields: list[tuple[bytes, bytes]] = FIELDS) -> Request:
    return Request([*fields, *more], LIMITS)


def test_the_target_is_split_and_decoded() -> None:
    parsed = request()
    assert (parsed.method, parsed.path, parsed.raw_path, parsed.query) == ("GET", "/a b", b"/a%20b", b"c=d")
    assert parsed.headers == [(b"host", b"example.org")]


def test_the_host_is_the_first_header_wherever_it_came_from() -> None:
    fields = [field for field in FIELDS if field[0] != b":authority"]
    assert request((b"accept", b"*/*"), (b"host", b"a"), fields=fields).headers == [
        (b"host", b"a"),
        (b"accept", b"*/*"),
    ]


def test_a_host_that_agrees_is_no_second_one() -> None:
    assert request((b"host", b"EXAMPLE.org")).headers == [(b"host", b"example.org")]


def test_crumbs_of_a_cookie_are_joined_and_count_once() -> None:
    crumbs = [(b"cookie", b"c%d=1" % number) for number in range(15)]
    assert request(*crumbs).header(b"cookie") == b"; ".join(crumb for _, crumb in crumbs)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ([(b"host", b"example.com")], 400),
        ([(b"x_test", b"1")], 400),
        ([(b"x-%d" % number, b"1") for number in range(10)], 431),
        ([(b"x", b"y" * 1000)], 431),
    ],
)
def test_what_could_be_misunderstood_is_refused(more: list[tuple[bytes, bytes]], status: int) -> None:
    with pytest.raises(Refused) as refused:
        request(*more)
    assert refused.value.status == status


@pytest.mark.parametrize("path", [b"/caf\xc3\xa9", b"/a#b"])
def test_a_path_is_one_of_rfc_3986(path: bytes) -> None:
    with pytest.raises(Refused, match="RFC 3986"):
        request(fields=[*FIELDS[:3], (b":path", path)])


@pytest.mark.parametrize("method", [b"get", b"Get", b"connect"])
def test_a_method_is_another_in_lower_case(method: bytes) -> None:
    with pytest.raises(Refused, match="upper case"):
        request(fields=[(b":method", method), *FIELDS[1:]])


def test_header_names_are_sent_in_lower_case_without_those_of_connections() -> None:
    headers = [(b"X-Test", b" 1 "), (b"Connection", b"close"), (b"Transfer-Encoding", b"chunked")]
    assert head(200, headers) == [(b":status", b"200"), (b"x-test", b"1")]


@pytest.mark.parametrize(
    "field", [(b"a", b"b\r\nc: d"), (b"a", b"\0"), (b"a b", b"c"), (b":status", b"1"), (b"", b"a")]
)
def test_a_header_that_would_be_malformed_is_an_error(field: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="header"):
        checked([field])


def test_a_refusal_is_a_problem_with_its_length() -> None:
    headers, body = refusal(431, "too many")
    assert dict(headers)[b"content-length"] == str(len(body)).encode()
    assert b'"status": 431' in body
