"""The edge between ASGI and the policies."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from starlette.types import Receive, Scope, Send

from services.gateway.errors import ClientGone
from services.gateway.http2.ready import AT_HAND
from services.gateway.pipeline.exchange import Answer, Exchange, Handler, Headers
from services.gateway.pipeline.presence import while_there
from services.gateway.pipeline.repeats import Repeats

BODILESS = frozenset({204, 304})  # statuses


class Edge:
    """The ASGI application for HTTP: one exchange a request. What may come again is remembered."""

    def __init__(self, handler: Handler, repeats: Repeats) -> None:
        self._handler = handler
        self.repeats = repeats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange.from_scope(scope, receive)
        try:
            answer = await self._handler(exchange)
        except ClientGone:
            return
        headers = _headers(answer, exchange)
        asked = scope.get("extensions", {}).get(AT_HAND)
        if asked is not None:
            self.repeats.remember(asked, exchange, answer)
        if exchange.hints and answer.status == 200 and _takes_hints(scope):
            await send({"type": "http.response.early_hint", "links": exchange.hints})
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        if answer.stream is None:
            await send(start)
            body = b"" if exchange.method == "HEAD" else answer.body
            return await send({"type": "http.response.body", "body": body, "more_body": False})
        async with aclosing(answer.stream) as stream:
            first = await anext(stream, b"")  # what has not begun cannot be closed, and would hold its call for ever
            await send(start)
            await _send_stream(first, stream, exchange, send)


def _headers(answer: Answer, exchange: Exchange) -> Headers:
    headers = [*answer.headers, *exchange.answer_headers]
    # What HEAD is answered without a body may be a stream, of which nobody knows the length (RFC 9110 section 8.6).
    told = answer.stream is None and (answer.body or exchange.method != "HEAD")
    if told and answer.status not in BODILESS:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    return headers


def _takes_hints(scope: Scope) -> bool:
    """Over HTTP/1.1 browsers do not look at them, and some clients take a 103 for the answer."""
    return scope["http_version"] == "2" and "http.response.early_hint" in scope["extensions"]


async def _send_stream(first: bytes, stream: AsyncGenerator[bytes, None], exchange: Exchange, send: Send) -> None:
    """Send a stream until it ends or the client leaves, whichever is first. Raises what has gone wrong in it."""
    with suppress(ClientGone):  # nothing else: a failure is not to look like the end
        await while_there(exchange, _pump(first, stream, send))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pump(first: bytes, stream: AsyncGenerator[bytes, None], send: Send) -> None:
    await send({"type": "http.response.body", "body": first, "more_body": True})
    async for chunk in stream:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
