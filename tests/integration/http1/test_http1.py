"""HTTP/1.1 as the gateway's server speaks it, byte by byte."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from tests.integration.http1.cases import GET, POST, REFUSED, SERVED, Case
from tests.integration.http2.app import FAST, MEBIBYTE, App, answer, wait_until
from tests.unit.gateway_http2.wire import Running, serving

PATIENCE = 5.0  # seconds
CLOSE = b"connection: close\r\n\r\n"


class Http1App(App):
    """The application of the HTTP/2 tests, with what HTTP/1.1 needs besides."""

    def __init__(self) -> None:
        super().__init__()
        setattr(self, "*", self.ping)

    async def smuggled(self, scope, receive, send) -> None:
        raise AssertionError("a request hidden in another was answered")


@pytest.fixture
def app() -> App:
    return Http1App()


@pytest.fixture
async def server(app: App) -> AsyncIterator[Running]:
    async with serving(app) as running:
        yield running


@pytest.fixture
async def impatient(app: App) -> AsyncIterator[Running]:
    async with serving(app, FAST) as running:
        yield running


async def ask(port: int, *parts: bytes) -> bytes:
    """Send all parts, and return what comes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.001)
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def statuses(answered: bytes) -> list[int]:
    """The status of each answer."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answered)]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
async def test_what_has_more_than_one_meaning_is_refused_and_ends_the_connection(
    server: Running, app: App, case: Case
) -> None:
    answered = await ask(server.port, case.sent)
    assert statuses(answered) == [case.status]
    assert b"application/problem+json" in answered
    assert b"connection: close" in answered


@pytest.mark.parametrize("case", SERVED, ids=lambda case: case.name)
async def test_what_is_right_is_answered_and_the_next_request_as_well(server: Running, case: Case) -> None:
    after = [] if b"HTTP/1.0" in case.sent else [GET + CLOSE]
    answered = await ask(server.port, case.sent, *after)
    assert statuses(answered) == [case.status] * (1 + len(after))


@pytest.mark.parametrize("case", [*SERVED, *REFUSED[::7]], ids=lambda case: case.name)
async def test_it_makes_no_difference_how_the_bytes_arrive(server: Running, case: Case) -> None:
    whole = await ask(server.port, case.sent + GET + CLOSE)
    cuts = sorted(random.Random(case.name).sample(range(1, min(len(case.sent), 400)), 12))
    edges = [0, *cuts, len(case.sent)]
    pieces = [case.sent[start:end] for start, end in pairwise(edges)]
    apart = await ask(server.port, *pieces, GET + CLOSE)
    assert statuses(apart) == statuses(whole) != []


async def test_requests_sent_ahead_are_answered_in_their_order(server: Running) -> None:
    requests = [POST + b"content-length: %d\r\n\r\n" % size + b"x" * size for size in range(50)]
    answered = await ask(server.port, b"".join(requests) + GET + CLOSE)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in answered.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [*(str(size).encode() for size in range(50)), b"pong"]


async def test_head_has_the_length_and_no_body(server: Running) -> None:
    answered = await ask(server.port, b"HEAD /ping HTTP/1.1\r\nhost: a\r\n" + CLOSE)
    head, _, body = answered.partition(b"\r\n\r\n")
    assert (b"content-length: 4" in head, body) == (True, b"")


async def test_a_client_that_asks_first_is_told_to_go_on(server: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(POST + b"expect: 100-continue\r\ncontent-length: 5\r\n" + CLOSE)
    async with asyncio.timeout(PATIENCE):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert statuses(await reader.read()) == [200]
    writer.close()


async def test_http_1_0_keeps_the_connection_only_when_asked(server: Running) -> None:
    old = b"GET /ping HTTP/1.0\r\n"
    once = await ask(server.port, old + b"\r\n", old + b"\r\n")
    twice = await ask(server.port, old + b"connection: keep-alive\r\n\r\n", old + b"\r\n")
    assert (statuses(once), statuses(twice)) == ([200], [200, 200])


async def test_an_answer_without_a_length_comes_in_chunks_and_as_it_is_for_http_1_0(server: Running, app: App) -> None:
    async def parts(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"a", b"", b"bc"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    app.parts = parts
    new = await ask(server.port, b"GET /parts HTTP/1.1\r\nhost: a\r\n" + CLOSE)
    old = await ask(server.port, b"GET /parts HTTP/1.0\r\n\r\n")
    assert new.endswith(b"\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")
    assert old.endswith(b"\r\n\r\nabc")


async def test_an_answer_before_the_body_has_arrived_ends_the_connection_after_it(server: Running, app: App) -> None:
    answered = await ask(
        server.port, b"POST /unauthorized HTTP/1.1\r\nhost: a\r\ncontent-length: 9999999\r\n\r\n", b"x"
    )
    assert statuses(answered) == [401]
    assert b"connection: close" in answered


async def test_an_application_that_fails_is_a_500_and_one_that_fails_later_an_answer_that_does_not_end_well(
    server: Running, app: App
) -> None:
    async def late(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        raise RuntimeError

    async def early(scope, receive, send):
        raise RuntimeError

    app.late, app.early = late, early
    assert statuses(await ask(server.port, b"GET /early HTTP/1.1\r\nhost: a\r\n\r\n")) == [500]
    assert not (await ask(server.port, b"GET /late HTTP/1.1\r\nhost: a\r\n\r\n")).endswith(b"0\r\n\r\n")


async def test_an_application_hears_of_a_client_that_leaves(server: Running, app: App) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
    await wait_until(lambda: app.begun == 1)
    writer.close()
    await wait_until(lambda: app.disconnected == 1)
    assert app.ended == 1


async def test_a_body_that_the_application_does_not_read_is_not_taken_in(server: Running, app: App) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    size = 64 * 2**20
    writer.write(b"POST /lazy HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % size)
    sending = asyncio.create_task(send_all(writer, size))
    await asyncio.sleep(0.5)
    assert not sending.done()
    app.go_on.set()
    async with asyncio.timeout(30):
        answered = await reader.read()
    await sending
    assert answered.endswith(str(size).encode())


async def send_all(writer: asyncio.StreamWriter, size: int) -> None:
    for _ in range(size // 65536):
        writer.write(b"x" * 65536)
        await writer.drain()


async def test_who_sends_ahead_and_reads_nothing_is_answered_no_further_until_it_reads(
    server: Running, app: App
) -> None:
    async def big(scope, receive, send):
        await answer(send, 200, bytes(MEBIBYTE))

    app.big = big
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(b"GET /big HTTP/1.1\r\nhost: a\r\n\r\n" * 100)
    await asyncio.sleep(0.5)
    assert app.begun < 50  # as much as the kernel takes in
    async with asyncio.timeout(30):
        for _ in range(100):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(MEBIBYTE)
    writer.close()


async def test_a_body_that_does_not_come_and_a_reader_that_does_not_read_are_given_up(
    impatient: Running, app: App
) -> None:
    silent = await ask(impatient.port, POST + b"content-length: 5\r\n\r\n")
    _, writer = await asyncio.open_connection("127.0.0.1", impatient.port, limit=1024)
    writer.write(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
    await wait_until(lambda: app.ended == 2)
    writer.close()
    assert silent == b""


async def test_an_idle_connection_is_closed_without_a_word(impatient: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", impatient.port)
    writer.write(GET + b"\r\n")
    async with asyncio.timeout(PATIENCE):
        assert statuses(await reader.read()) == [200]
    writer.close()


async def test_early_hints_come_before_the_answer(server: Running, app: App) -> None:
    async def hinted(scope, receive, send):
        await send({"type": "http.response.early_hint", "links": [b"</app.js>; rel=preload; as=script"]})
        await answer(send, 200, b"page")

    app.hinted = hinted
    answered = await ask(server.port, b"GET /hinted HTTP/1.1\r\nhost: a\r\n" + CLOSE)
    assert statuses(answered) == [103, 200]
    assert answered.startswith(b"HTTP/1.1 103 Early Hints\r\nlink: </app.js>; rel=preload; as=script\r\n\r\n")


async def test_a_last_answer_goes_out_whole_to_a_client_that_takes_its_time(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def file(scope, receive, send) -> None:
        await answer(send, 200, bytes(16 * MEBIBYTE))

    monkeypatch.setattr(app, "file", file, raising=False)
    monkeypatch.setattr("services.gateway.http1.connection.LINGER_SECONDS", 0.05)
    async with serving(app) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /file HTTP/1.1\r\nhost: a\r\n" + CLOSE)
        await asyncio.sleep(0.3)
        async with asyncio.timeout(PATIENCE):
            answered = await reader.read()
        writer.close()
    assert len(answered.partition(b"\r\n\r\n")[2]) == 16 * MEBIBYTE


async def test_what_is_in_flight_when_the_server_ends_is_answered_and_told_that_it_was_the_last(app: App) -> None:
    async with serving(app, graceful_timeout=3.0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        await wait_until(lambda: app.begun == 1)
        asyncio.get_running_loop().call_later(0.3, app.go_on.set)
    answered = await reader.read()
    writer.close()
    assert statuses(answered) == [200]
    assert b"connection: close" in answered


@pytest.mark.parametrize("ahead", [True, False], ids=["sent ahead", "sent after the answer"])
async def test_who_was_not_told_before_the_server_ends_is_told_by_the_next_answer(app: App, ahead: bool) -> None:
    async def slow(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        await app.go_on.wait()
        await send({"type": "http.response.body", "body": b"k"})

    app.slow = slow
    async with serving(app, graceful_timeout=3.0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n" + (GET + b"\r\n") * ahead)
        assert CLOSE not in await reader.readuntil(b"\r\n\r\no")
        server.stop.set()
        asyncio.get_running_loop().call_later(0.3, app.go_on.set)
        assert await reader.readexactly(1) == b"k"
        writer.write((GET + b"\r\n") * (not ahead))
        async with asyncio.timeout(PATIENCE):
            answered = await reader.read()
        writer.close()
    assert statuses(answered) == [200]
    assert CLOSE.strip() in answered
