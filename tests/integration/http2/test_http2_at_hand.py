"""Which questions an application may answer without being called, over either protocol."""

import pytest

from services.gateway.http2.ready import Question, Ready
from tests.integration.http1.test_http1 import CLOSE, ask
from tests.integration.http2.app import App, asked
from tests.unit.gateway_http2.wire import GET, data, headers, path, serving

pytestmark = pytest.mark.integration

HEAD = b"GET /echo HTTP/1.1\r\nhost: a\r\n"


class Prepared(App):
    """The application of these tests, with an answer at hand for everything."""

    def at_hand(self, question: Question) -> Ready:
        return Ready(200, [(b"content-length", b"5")], b"ready")


async def test_over_http2_a_request_with_a_body_is_never_among_them() -> None:
    with_body = await asked(Prepared(), headers(1, path("/echo"), end=False), data(1, b"hello", end=True))
    without = await asked(Prepared(), headers(1, path("/echo", GET)))
    assert (with_body.body(1), without.body(1)) == (b"5", b"ready")


@pytest.mark.parametrize(
    "body", [b"content-length: 5\r\n\r\nhello", b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
async def test_over_http1_a_request_with_a_body_is_never_among_them(body: bytes) -> None:
    async with serving(Prepared()) as server:
        answered = await ask(server.port, HEAD + body + HEAD + CLOSE)
    first, second = answered.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert (first.endswith(b"\r\n\r\n5"), second.endswith(b"\r\n\r\nready")) == (True, True)
