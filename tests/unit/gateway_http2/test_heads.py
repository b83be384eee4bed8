"""The heads of HTTP/1.1 requests, as they are found in what arrives."""

from services.gateway.http1.heads import Heads
from services.gateway.http2.limits import Limits

GET = b"GET /ping HTTP/1.1\r\nhost: a\r\n\r\n"


def test_empty_lines_before_a_request_are_passed_over_however_they_arrive() -> None:
    sent = b"\r\n\r\n" + GET
    for cut in range(len(sent)):
        heads, buffer = Heads(Limits()), bytearray(sent[:cut])
        assert heads.take(buffer) is None
        buffer += sent[cut:]
        head = heads.take(buffer)
        assert head is not None
        assert (head.path, buffer) == ("/ping", b"")
