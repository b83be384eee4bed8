"""Repeated questions over both engines: answered without a call of the application, and no worse than by one."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.integration.gateway_front import Running, running

pytestmark = pytest.mark.integration

PATH = "/api/prices"


@pytest.fixture(scope="module")
def tls_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture
async def front(tls_folder: Path) -> AsyncIterator[Running]:
    async with running(tls_folder, rate_limit_factor=1000) as front:
        front.harness.prices.padding = "x" * 2000
        yield front


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
async def client(request: pytest.FixtureRequest, front: Running) -> AsyncIterator[httpx.AsyncClient]:
    http1 = request.param == "HTTP/1.1"
    async with httpx.AsyncClient(http1=http1, http2=not http1, base_url=front.plain) as client:
        yield client


async def test_a_repeated_question_is_answered_alike(front: Running, client: httpx.AsyncClient) -> None:
    first, second = await client.get(PATH), await client.get(PATH)
    assert front.harness.repeats.answered == 1
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert first.headers.keys() == second.headers.keys()
    assert first.headers["content-encoding"] == second.headers["content-encoding"]


async def test_many_at_once_on_one_connection_are_all_answered(front: Running, client: httpx.AsyncClient) -> None:
    first = await client.get(PATH)
    answers = await asyncio.gather(*(client.get(PATH) for _ in range(60)))
    assert {answer.content for answer in answers} == {first.content}
    assert front.harness.repeats.answered == 60


async def test_head_is_not_get(front: Running, client: httpx.AsyncClient) -> None:
    whole = [await client.get(PATH) for _ in range(2)][1]
    heads = [await client.head(PATH) for _ in range(2)]
    assert [head.content for head in heads] == [b"", b""]
    assert {head.headers["content-length"] for head in heads} == {whole.headers["content-length"]}


async def test_tls_says_so_each_time_and_nothing_else_does(front: Running) -> None:
    trust = ssl.create_default_context(cafile=str(front.ca))
    async with httpx.AsyncClient(http2=True, verify=trust) as client:
        answers = [await client.get(base + PATH) for base in (front.plain, front.tls) for _ in range(3)]
    assert front.harness.repeats.answered == 4
    assert ["strict-transport-security" in answer.headers for answer in answers] == [False] * 3 + [True] * 3


async def test_requests_that_are_sent_ahead_are_answered_in_their_order(front: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    paths = [PATH, "/ping", PATH, PATH, "/ping", PATH]
    writer.write(b"".join(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode() for path in paths))
    answers = [await _answer(reader) for _ in paths]
    writer.close()
    assert [b'"status"' in answer for answer in answers] == [path == "/ping" for path in paths]
    assert front.harness.repeats.answered == 3


async def test_who_asks_again_and_again_and_says_no_more_is_answered_each_time(front: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nhost: a\r\n\r\n".encode() * 5)
    writer.write_eof()
    async with asyncio.timeout(10):
        answered = await reader.read()
    writer.close()
    assert answered.count(b"HTTP/1.1 200 OK") == 5
    assert answered.count(b"connection: close\r\n") == 1


async def test_a_connection_that_is_to_close_closes(front: Running) -> None:
    answers = []
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(f"GET {PATH} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
        async with asyncio.timeout(5):
            answers.append(await reader.read())
        writer.close()
    assert front.harness.repeats.answered == 1
    assert all(b"connection: close\r\n" in answer for answer in answers)


async def test_a_question_that_is_long_only_by_its_blanks_is_not_remembered(front: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    for _ in range(2):
        writer.write(f"GET {PATH} HTTP/1.1\r\nhost: a\r\nx:{' ' * 5000}y\r\n\r\n".encode())
        assert await _answer(reader)
    writer.close()
    assert (front.harness.repeats.answered, len(front.harness.repeats)) == (0, 0)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The body of one answer of a known length."""
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await reader.readexactly(int(length.partition(b":")[2]))
