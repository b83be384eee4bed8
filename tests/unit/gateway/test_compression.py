"""The content codings, whole and part by part, and when they are used."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable

import brotli
import pytest
import zstandard

from services.gateway.api import carries_secrets
from services.gateway.pipeline import compression
from services.gateway.pipeline.codings import coded_stream, encode
from services.gateway.pipeline.compression import Compression, choose
from services.gateway.pipeline.exchange import JSON, Answer, Exchange, Handler
from tests.unit.gateway.harness import OPERATIONS
from tests.unit.gateway.test_policies import exchange

BODY = b'{"price":"61234.50"}' * 5000
PARTS = [b"data: 1\n\n", b"data: 2\n\n" * 50, b": keep-alive\n\n"]

DECODERS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
    "gzip": lambda: zlib.decompressobj(wbits=31).decompress,
}
codings = pytest.mark.parametrize("coding", DECODERS)


@codings
def test_a_coded_body_is_smaller_and_the_same_body(coding: str) -> None:
    coded = encode(BODY, coding)
    assert len(coded) < len(BODY) / 10
    assert DECODERS[coding]()(coded) == BODY


@codings
async def test_every_part_of_a_coded_stream_can_be_read_when_it_has_arrived(coding: str) -> None:
    decode = DECODERS[coding]()
    read = [decode(part) async for part in coded_stream(parts(), coding)]
    assert read == [*PARTS, b""]


@codings
async def test_a_coded_stream_that_is_left_ends_what_it_reads_from(coding: str) -> None:
    ended = asyncio.Event()
    stream = coded_stream(parts(ended), coding)
    await anext(stream)
    await stream.aclose()
    assert ended.is_set()


async def test_a_large_body_is_compressed_once_off_the_loop_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(compression, "encode", lambda body, coding: calls.append(coding) or b"coded")
    answer = Answer(200, [(b"content-type", JSON)], BODY)
    policy = Compression(given(answer))
    answers = await asyncio.gather(*(policy(exchange(headers={b"accept-encoding": b"zstd"})) for _ in range(5)))
    assert (calls, {item.body for item in answers}, len(set(answers))) == (["zstd"], {b"coded"}, 1)


def test_only_what_is_offered_is_chosen() -> None:
    assert choose("br, gzip", ("gzip",)) == "gzip"
    assert choose("zstd", ("br", "gzip")) == "identity"


def test_answers_of_auth_carry_secrets_and_prices_do_not() -> None:
    secret = {operation.name.rpartition(".")[2] for operation in OPERATIONS if carries_secrets(operation)}
    assert {"Login", "Refresh", "Register", "ChangePassword", "GetMe"} <= secret
    assert not {"ListPrices", "GetJwks", "ListNotifications"} & secret


async def parts(ended: asyncio.Event | None = None) -> AsyncGenerator[bytes, None]:
    try:
        for part in PARTS:
            yield part
    finally:
        if ended is not None:
            ended.set()


def given(answer: Answer) -> Handler:
    async def handler(exchange: Exchange) -> Answer:
        return answer

    return handler
