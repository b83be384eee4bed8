"""A client that shuts its writing side: what it has asked for by then is answered, and nothing is waited for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.http1.cases import GET, POST
from tests.integration.http1.test_http1 import statuses
from tests.integration.http2.app import MEBIBYTE, App, answer, wait_until
from tests.unit.gateway_http2.wire import Running, serving

PATIENCE = 10.0  # seconds
NEXT = GET + b"\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n"


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def server(app: App) -> AsyncIterator[Running]:
    async with serving(app) as running:
        yield running


async def ask(port: int, sent: bytes) -> bytes:
    """Send it, shut the writing side, and return what comes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    async with asyncio.timeout(PATIENCE):
        answered = await reader.read()
    writer.close()
    return answered


async def test_all_requests_sent_ahead_are_answered(server: Running) -> None:
    requests = [POST + b"content-length: %d\r\n\r\n" % size + b"x" * size for size in range(50)]
    answered = await ask(server.port, b"".join(requests) + NEXT)
    assert statuses(answered) == [200] * 51
    assert answered.endswith(b"pong")


async def test_more_than_is_read_ahead_is_answered_as_well(server: Running) -> None:
    assert statuses(await ask(server.port, NEXT * 4000)) == [200] * 4000


async def test_the_last_answer_says_that_it_was(server: Running) -> None:
    answered = await ask(server.port, NEXT * 3)
    assert answered.count(b"connection: close") == 1
    assert b"connection: close" in answered.rpartition(b"HTTP/1.1 ")[2]


async def test_answers_that_are_read_slowly_are_all_sent(server: Running, app: App) -> None:
    async def big(scope, receive, send):
        await answer(send, 200, bytes(MEBIBYTE))

    app.big = big
    answered = await ask(server.port, b"GET /big HTTP/1.1\r\nhost: a\r\n\r\n" * 40)
    assert statuses(answered) == [200] * 40


async def test_an_answer_that_has_begun_before_comes_to_its_end_and_the_connection_too(
    server: Running, app: App
) -> None:
    async def parts(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"po", "more_body": True})
        await app.go_on.wait()
        await send({"type": "http.response.body", "body": b"ng"})

    app.parts = parts
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /parts HTTP/1.1\r\nhost: a\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        await reader.readuntil(b"po")
        writer.write_eof()
        asyncio.get_running_loop().call_later(0.2, app.go_on.set)
        assert await reader.read() == b"ng"
    writer.close()


async def test_a_body_is_not_lost_when_its_reader_comes_late(server: Running, app: App) -> None:
    asyncio.get_running_loop().call_later(0.2, app.go_on.set)
    answered = await ask(server.port, b"POST /lazy HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello")
    assert answered.endswith(b"\r\n\r\n5")


@pytest.mark.parametrize(
    "rest",
    [b"GET /ping HT", GET, POST + b"content-length: 5\r\n\r\nhel", b"\r\n"],
    ids=["line", "head", "body", "none"],
)
async def test_what_is_incomplete_is_not_answered_nor_waited_for(server: Running, app: App, rest: bytes) -> None:
    assert statuses(await ask(server.port, NEXT * 2 + rest)) == [200, 200]
    await wait_until(lambda: app.begun == app.ended)


async def test_what_is_malformed_is_refused_after_what_came_before(server: Running) -> None:
    answered = await ask(server.port, NEXT + b"nonsense\r\n\r\n")
    assert statuses(answered) == [200, 400]


async def test_an_application_that_waits_hears_that_nobody_is_there_to_go_on(server: Running, app: App) -> None:
    await ask(server.port, WAIT)
    assert app.disconnected == 1


async def test_a_connection_without_a_request_is_closed(server: Running) -> None:
    assert await ask(server.port, b"") == b""
