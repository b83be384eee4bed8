"""Engine.IO's long polling: each request is sent on, and its answer sent back, unchanged.

A poll ends with its client: realtime would give it the next events, which then reach nobody. What a client has said is
delivered in any case.
"""

from collections.abc import Iterable

import aiohttp

from services.gateway.pipeline.body import read_body
from services.gateway.pipeline.exchange import SOCKETS, Answer, Exchange, Headers, Route
from services.gateway.pipeline.presence import while_there
from services.gateway.pipeline.response_cache import NO_STORE
from services.gateway.sockets.target import Target
from services.kit.errors import DeadlineExceeded, Unavailable

MAX_BODY = 1024 * 1024  # bytes; Engine.IO's own limit (max_http_buffer_size)
TIMEOUT = aiohttp.ClientTimeout(total=90.0, connect=3.0)  # seconds; a poll lasts up to the ping interval
PASSED_BACK = frozenset(
    {b"content-type", b"content-encoding", b"cache-control", b"retry-after", b"set-cookie", b"vary"}
)
VERBS = ("GET", "POST", "OPTIONS")


class Polling:
    """Forwards a request to realtime."""

    def __init__(self, session: aiohttp.ClientSession, target: Target) -> None:
        self._session = session
        self._target = target

    def routes(self) -> list[Route]:
        """The routes that are forwarded. The policies for operations do not concern them: realtime has its own."""
        return [Route(verb, SOCKETS + "{path=**}", self, name="socket.io") for verb in VERBS]

    async def __call__(self, exchange: Exchange) -> Answer:
        """Answer as realtime does. Raises Unavailable while it is away, ClientGone when a poll's client leaves."""
        body = await read_body(exchange, MAX_BODY)
        forwarded = self._forward(exchange, body)
        return await (forwarded if body else while_there(exchange, forwarded))

    async def _forward(self, exchange: Exchange, body: bytes) -> Answer:
        headers = self._target.headers(exchange.headers.items(), exchange.client_ip, secure=exchange.secure)
        url = self._target.url(exchange.path, exchange.query)
        try:
            async with self._session.request(
                exchange.method, url, data=body or None, headers=headers, timeout=TIMEOUT, allow_redirects=False
            ) as answer:
                return Answer(answer.status, _passed_back(answer.raw_headers), await answer.read(), compressible=False)
        except TimeoutError as error:
            raise DeadlineExceeded("realtime did not answer in time") from error
        except aiohttp.ClientError as error:
            raise Unavailable("realtime is not answering", retry_after=1.0) from error


def _passed_back(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    kept = [(name.lower(), value) for name, value in headers]
    passed = [item for item in kept if item[0] in PASSED_BACK or item[0].startswith(b"access-control-")]
    return passed if any(name == b"cache-control" for name, _ in passed) else [*passed, NO_STORE]
