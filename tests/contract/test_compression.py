"""The promise: answers from 1,000 bytes come compressed as the client likes best."""

import gzip

import brotli
import pytest
import zstandard

from tests.unit.gateway.harness import Harness

DECODE = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": zstandard.ZstdDecompressor().decompress,
}


async def raw(harness: Harness, path: str, accept: str) -> tuple[dict[str, str], bytes]:
    async with harness.client.stream("GET", path, headers={"accept-encoding": accept}) as answer:
        body = b"".join([piece async for piece in answer.aiter_raw()])
        return dict(answer.headers), body


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip", "gzip"),
        ("gzip;q=1, br;q=0.1", "gzip"),
        ("identity", "identity"),
        ("", "identity"),
    ],
)
async def test_the_best_coding_is_used_and_holds_the_same_body(harness: Harness, accept: str, coding: str) -> None:
    harness.prices.padding = "0" * 2000
    headers, body = await raw(harness, "/api/prices", accept)
    plain_headers, plain = await raw(harness, "/api/prices", "identity")
    assert headers.get("content-encoding", "identity") == coding
    assert headers["vary"] == "accept-encoding"
    assert int(headers["content-length"]) == len(body)
    assert DECODE[coding](body) == plain
    assert headers["etag"] == plain_headers["etag"]


async def test_small_answers_stay_as_they_are(harness: Harness) -> None:
    headers, body = await raw(harness, "/api/prices/BTC-USD", "gzip, br")
    assert "content-encoding" not in headers
    assert len(body) < 1000


async def test_answers_with_secrets_are_never_compressed(harness: Harness) -> None:
    credentials = {"password": "correct horse battery staple"}
    answer = await harness.client.post("/api/auth/login", json=credentials, headers={"accept-encoding": "br"})
    assert len(answer.content) > 1000
    assert "content-encoding" not in answer.headers


async def test_streams_are_compressed_too(harness: Harness) -> None:
    headers, body = await raw(harness, "/api/prices/BTC-USD/stream", "gzip, br")
    assert (headers["content-encoding"], headers["vary"]) == ("br", "accept-encoding")
    assert brotli.decompress(body).startswith(b"retry: 2000\n\ndata: {")
