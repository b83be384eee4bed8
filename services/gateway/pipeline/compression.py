"""Content coding by quality value (RFC 9110 section 12.5.3): brotli, then gzip, from 1,000 bytes.

Streams stay as they are: each event must leave at once. So do answers that carry secrets, whose length would tell about
them (BREACH), and types that are compressed already.
"""

import asyncio
import gzip
from importlib import import_module
from typing import Any

from services.gateway.pipeline.exchange import Answer, Exchange, Handler

_brotli: Any = import_module("brotli")  # the wheel carries no types

MINIMUM_BYTES = 1000
OFF_LOOP_BYTES = 64 * 1024  # larger bodies are compressed in a thread
BROTLI_QUALITY = 5
GZIP_LEVEL = 6
PREFERENCE = ("br", "gzip")  # between equal quality values

TYPES = ("text/", "application/json", "application/problem+json", "application/javascript", "application/manifest+json")
TYPES_EXACT = frozenset({"image/svg+xml", "application/xml", "application/wasm"})
VARY = (b"vary", b"accept-encoding")


class Compression:
    """Picks the coding and sends the answer in it; a coded form is made once and kept with its answer."""

    def __init__(self, handler: Handler) -> None:
        self._next = handler

    async def __call__(self, exchange: Exchange) -> Answer:
        """The answer, coded as the client likes it best."""
        answer = await self._next(exchange)
        if not worth_compressing(answer):
            return answer
        coding = choose(exchange.text(b"accept-encoding"))
        variant = answer.variants.get(coding)
        if variant is None:
            variant = answer.variants[coding] = await _coded(answer, coding)
        return variant


def worth_compressing(answer: Answer) -> bool:
    """Whether coding an answer may pay."""
    if answer.stream is not None or not answer.compressible or len(answer.body) < MINIMUM_BYTES:
        return False
    kind = (answer.header(b"content-type") or b"").partition(b";")[0].decode("latin-1")
    return (kind.startswith(TYPES) or kind in TYPES_EXACT) and answer.header(b"content-encoding") is None


def choose(accept_encoding: str) -> str:
    """The best coding that the client takes; "identity" when it wants none of ours."""
    qualities = _qualities(accept_encoding)
    other = qualities.get("*", 0.0)
    best = max(PREFERENCE, key=lambda coding: qualities.get(coding, other))
    quality = qualities.get(best, other)
    return best if quality > 0 and quality >= qualities.get("identity", 0.0) else "identity"


def _qualities(accept_encoding: str) -> dict[str, float]:
    qualities: dict[str, float] = {}
    for part in accept_encoding.split(","):
        name, _, parameters = part.partition(";")
        qualities[name.strip().lower()] = _quality(parameters)
    qualities.pop("", None)
    return qualities


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0


async def _coded(answer: Answer, coding: str) -> Answer:
    if coding == "identity":
        return Answer(answer.status, [*answer.headers, VARY], answer.body)
    if len(answer.body) > OFF_LOOP_BYTES:
        body = await asyncio.to_thread(encode, answer.body, coding)
    else:
        body = encode(answer.body, coding)
    headers = [*answer.headers, VARY, (b"content-encoding", coding.encode())]
    return Answer(answer.status, headers, body)


def encode(body: bytes, coding: str) -> bytes:
    """The body in a coding."""
    if coding == "br":
        return bytes(_brotli.compress(body, quality=BROTLI_QUALITY))
    return gzip.compress(body, GZIP_LEVEL, mtime=0)
