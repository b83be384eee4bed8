"""One request and its answer, as an ASGI application sees them (ASGI 3, HTTP 2.1)."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from services.gateway.http2 import response
from services.gateway.http2.patience import Patience
from services.gateway.http2.ready import AT_HAND, Question
from services.gateway.http2.request import HEAD, Header, Refused, Request
from services.gateway.http2.sender import ClientGone
from services.gateway.http2.statistics import Event

if TYPE_CHECKING:
    from services.gateway.http2.connection import Http2Connection

Message = Any  # of ASGI: a dict whose shape its "type" decides

ASGI = {"spec_version": "2.1", "version": "3.0"}
WITHOUT_BODY = frozenset({204, 304})


class Stream:
    """A request on a connection. Nothing here waits unless the application is ahead of the client."""

    __slots__ = (
        "_asked", "_chunks", "_connection", "_fields", "_gone", "_head", "_readable", "_sender", "_silent", "_status",
        "_task", "_told", "_trailers", "_writable", "answered", "body_patience", "ended", "received", "request", "sent",
        "stall_patience", "stream_id", "unread",
    )  # fmt: skip

    request: Request  # as soon as it has begun

    def __init__(self, connection: "Http2Connection", stream_id: int, fields: Sequence[Header], ended: bool) -> None:
        self._connection = connection
        self._sender = connection.sender
        self.stream_id = stream_id
        self._fields = fields  # of the request's head, as they came
        self._asked: Question | None = None
        self.received = 0  # bytes of the request's body
        self.unread = 0  # of which the application has not taken yet
        self.sent = 0  # bytes of the answer's body, handed to the connection
        self.body_patience: Patience | None = None
        self.stall_patience: Patience | None = None
        self.ended = ended  # the request's body has arrived
        self._told = False  # and the application knows
        self._chunks: list[bytes] = []
        self._head: list[Header] | None = None  # the answer's, until there is a first part of its body
        self._status = 0  # of the answer, once it has begun
        self._silent = False  # the answer has no body, whatever the application sends
        self._trailers: list[Header] | None = None  # of the answer, when it has promised some
        self.answered = False  # the answer is complete
        self._gone = False  # the client is
        self._readable: asyncio.Event | None = None
        self._writable: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    # What the connection tells

    def begin(self) -> None:
        """Call the application, unless the client has changed its mind or the answer is at hand."""
        if self._gone or self._answer_at_once():
            return
        engine = self._connection.engine
        try:
            self.request = Request(self._fields, engine.limits)
        except Refused as refused:
            self._refuse(refused)
        else:
            self._task = engine.loop.create_task(self._run())

    def cancel(self) -> None:
        """Stop the application: the server ends."""
        if self._task is not None:
            self._task.cancel()

    def on_data(self, data: bytes, ended: bool) -> None:
        """A part of the request's body; the client may send as much again when the application has taken it."""
        self.ended = ended
        self.received += len(data)
        if data:
            self._chunks.append(data)
            self.unread += len(data)
        if self.answered:
            self._drop_unread()
        self._wake(self._readable)

    def on_closed(self) -> None:
        """The stream has ended, for whatever reason."""
        self._gone = True
        self._drop_unread()
        self._wake(self._readable)
        self._wake(self._writable)

    def on_drained(self) -> None:
        """What was sent has left the queue, or most of it."""
        self._wake(self._writable)

    @property
    def owes_body(self) -> bool:
        """Whether it is the client's turn to send some of the body."""
        return not (self.ended or self.answered or self.unread)

    # What the application calls

    async def receive(self) -> Message:
        """The next part of the body; after its end, wait until the client is gone or the answer complete."""
        while not (self._gone or self.answered):
            if not self._told and (self._chunks or self.ended):
                return self._next_part()
            if self._readable is None:
                self._readable = asyncio.Event()
                self._continue()
            self._readable.clear()
            await self._readable.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a part of the answer; waits while the client is behind. Raises ClientGone, or ValueError when wrong."""
        if self._gone and not self.answered:
            raise ClientGone("the client is gone")
        kind = message["type"]
        if kind == "http.response.body":
            self._send_body(message.get("body", b""), message.get("more_body", False))
            if not self.answered:
                await self._wait_writable()
        elif kind == "http.response.start" and not self._status:
            self._start(message)
        elif kind == "http.response.early_hint" and not self._status:
            self._inform(103, [(b"link", bytes(link)) for link in message["links"]])
        elif kind == "http.response.trailers" and self._trailers is not None:
            self._send_trailers(message)
        else:
            raise ValueError(f"{kind} is not expected now")

    # The request's body

    def _next_part(self) -> Message:
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._drop_unread()
        self._told = self.ended
        return {"type": "http.request", "body": body, "more_body": not self.ended}

    def _drop_unread(self) -> None:
        if self._chunks:
            self._chunks.clear()
            self._sender.acknowledge(self.stream_id, self.unread)
            self.unread = 0

    def _continue(self) -> None:
        """The application waits for the body: a client that asks first may send it (RFC 9110 section 10.1.1)."""
        if self.received or self.ended or self._status:
            return
        expectation = self.request.header(b"expect")
        if expectation is not None and expectation.lower() == b"100-continue":
            self._inform(100, [])

    # The answer

    def _start(self, message: Message) -> None:
        status = int(message["status"])
        self._head = response.head(status, message.get("headers", ()))
        self._status = status
        self._silent = status in WITHOUT_BODY or self.request.method == "HEAD"
        if message.get("trailers") and not self._silent:
            self._trailers = []

    def _send_body(self, body: bytes, more: bool) -> None:
        if self.answered and self._silent:
            return
        if self.answered or not self._status:
            raise ValueError("http.response.body is not expected now")
        last = self._silent or not (more or self._trailers is not None)
        only_head = last and (self._silent or not body)
        if self._head is not None:
            self._sender.send_head(self.stream_id, self._head, ended=only_head)
            self._head = None
            if only_head:
                self._finish()
                return
        if body or last:
            self.sent += len(body)
            self._sender.send_data(self.stream_id, body, ended=last)
        if last:
            self._finish()

    def _send_trailers(self, message: Message) -> None:
        if self._head is not None or self.answered:
            raise ValueError("http.response.trailers is not expected now")
        assert self._trailers is not None
        self._trailers += response.checked(message["headers"])
        if message.get("more_trailers"):
            return
        # Who does not say that it takes trailers may not know them (RFC 9110 section 6.5.1).
        if self._trailers and self.request.header(b"te") == b"trailers":
            self._sender.send_trailers(self.stream_id, self._trailers)
        else:
            self._sender.send_data(self.stream_id, b"", ended=True)
        self._finish()

    def _finish(self) -> None:
        self.answered = True
        self._drop_unread()
        self._wake(self._readable)
        if not self.ended:
            self._sender.answered_early(self.stream_id)

    def _inform(self, status: int, headers: list[Header]) -> None:
        self._sender.inform(self.stream_id, response.head(status, headers))

    async def _wait_writable(self) -> None:
        while not self._gone and self._sender.is_full(self):
            if self._writable is None:
                self._writable = asyncio.Event()
            self._writable.clear()
            await self._writable.wait()

    # The application

    def _answer_at_once(self) -> bool:
        """Send what the application has at hand for a request without a body, if it has."""
        connection, at_hand = self._connection, self._connection.engine.at_hand
        if at_hand is None or self.received or not self.ended:
            return False
        self._asked = (connection.scheme, connection.client_host, *self._fields)
        ready = at_hand(self._asked)
        if ready is None:
            return False
        self._sender.send_ready(self.stream_id, ready)
        self.sent = len(ready.body)
        self.answered = True
        return True

    def _refuse(self, refused: Refused) -> None:
        """Answer for the application."""
        self._connection.engine.events[Event.REFUSED_REQUESTS] += 1
        self._silent = HEAD in self._fields
        headers, body = response.refusal(refused.status, refused.detail)
        self._status, self._head = refused.status, response.head(refused.status, headers)
        with suppress(ClientGone):
            self._send_body(body, more=False)

    async def _run(self) -> None:
        try:
            await self._connection.engine.app(self._scope(), self.receive, self.send)
        except ClientGone:
            return
        except Exception:
            self._connection.engine.application_failed()
        finally:
            self._task = None
            if not (self.answered or self._gone):
                self._fail()

    def _scope(self) -> Message:
        connection, request = self._connection, self.request
        return {
            "type": "http",
            "http_version": "2",
            "asgi": ASGI,
            "method": request.method,
            "scheme": connection.scheme,
            "path": request.path,
            "raw_path": request.raw_path,
            "query_string": request.query,
            "root_path": connection.engine.root_path,
            "headers": request.headers,
            "client": connection.client,
            "server": connection.server,
            "state": connection.engine.state.copy(),
            "extensions": {"http.response.trailers": {}, "http.response.early_hint": {}, AT_HAND: self._asked},
        }

    def _fail(self) -> None:
        """The application has left the answer unfinished."""
        if self._status and self._head is None:
            self._sender.reset(self.stream_id)
            return
        self._trailers, self._silent = None, False
        self._status, self._head = 500, response.head(500, [(b"content-length", b"0")])
        self._send_body(b"", more=False)

    @staticmethod
    def _wake(event: asyncio.Event | None) -> None:
        if event is not None:
            event.set()
