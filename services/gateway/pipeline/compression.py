"""Content coding by quality value (RFC 9110 section 12.5.3): brotli, zstd or gzip, from 1,000 bytes.

Never for types that are compressed already, and never for answers in which a secret may stand beside what the client
sent: their length would tell about it (BREACH). The parts of a stream are flushed one by one, so that none waits.
"""

import asyncio
from functools import lru_cache

from services.gateway.pipeline.codings import coded_stream, encode
from services.gateway.pipeline.exchange import Answer, Exchange, Handler

MINIMUM_BYTES = 1000
OFF_LOOP_BYTES = 64 * 1024  # larger bodies are compressed in a thread
MOST_READ = 512  # characters of Accept-Encoding; what was read is remembered, so it has to be short
PREFERENCE = ("br", "zstd", "gzip")  # between equal quality values
IDENTITY = "identity"

TYPES = ("text/", "application/json", "application/problem+json", "application/javascript", "application/manifest+json")
TYPES_EXACT = frozenset({"image/svg+xml", "application/xml", "application/wasm"})
VARY = (b"vary", b"accept-encoding")


class Compression:
    """Picks the coding and sends the answer in it; a coded form is made once and kept with its answer."""

    def __init__(self, handler: Handler) -> None:
        self._next = handler
        self._under_way: dict[tuple[Answer, str], asyncio.Task[Answer]] = {}

    async def __call__(self, exchange: Exchange) -> Answer:
        """The answer, coded as the client likes it best."""
        answer = await self._next(exchange)
        coding = choose(exchange.text(b"accept-encoding"))
        form = ready_form(answer, coding)
        if form is not None:
            return form
        return await self._form(answer, coding) if worth_compressing(answer) else answer

    async def _form(self, answer: Answer, coding: str) -> Answer:
        if answer.stream is not None or coding == IDENTITY or len(answer.body) <= OFF_LOOP_BYTES:
            form = answer.forms[coding] = _coded(answer, coding)
            return form
        key = (answer, coding)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(asyncio.to_thread(_coded, answer, coding))
            task.add_done_callback(lambda _: self._under_way.pop(key))
        form = answer.forms[coding] = await asyncio.shield(task)
        return form


def ready_form(answer: Answer, coding: str) -> Answer | None:
    """The answer in a coding, if nothing has to be done for it any more."""
    if answer.stream is None and len(answer.body) < MINIMUM_BYTES:
        return answer
    return answer.forms.get(coding)


def worth_compressing(answer: Answer) -> bool:
    """Whether coding an answer of sufficient size is allowed and may pay."""
    if not answer.compressible or answer.header(b"content-encoding") is not None:
        return False
    kind = (answer.header(b"content-type") or b"").partition(b";")[0].decode("latin-1")
    return kind.startswith(TYPES) or kind in TYPES_EXACT


def choose(accept_encoding: str, offered: tuple[str, ...] = PREFERENCE) -> str:
    """The best of the offered codings that the client takes; "identity" when it wants none of them."""
    return _choose(accept_encoding[:MOST_READ], offered)


@lru_cache(maxsize=1024)
def _choose(accept_encoding: str, offered: tuple[str, ...]) -> str:
    qualities = _qualities(accept_encoding)
    other = qualities.get("*", 0.0)
    best = max(offered, key=lambda coding: qualities.get(coding, other))
    quality = qualities.get(best, other)
    return best if quality > 0 and quality >= qualities.get(IDENTITY, 0.0) else IDENTITY


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


def _coded(answer: Answer, coding: str) -> Answer:
    headers = answer.headers if VARY in answer.headers else [*answer.headers, VARY]
    if coding == IDENTITY:
        return Answer(answer.status, headers, answer.body, stream=answer.stream)
    headers = [*headers, (b"content-encoding", coding.encode())]
    if answer.stream is not None:
        return Answer(answer.status, headers, stream=coded_stream(answer.stream, coding))
    return Answer(answer.status, headers, encode(answer.body, coding))
