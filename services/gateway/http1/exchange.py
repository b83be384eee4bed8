"""One request and its answer, as an ASGI application sees them (ASGI 3, HTTP 2.1)."""

import asyncio
from typing import TYPE_CHECKING, Any

from services.gateway.http1 import answer
from services.gateway.http1.body import Body, Chunked, Sized
from services.gateway.http1.head import Head
from services.gateway.http2 import response
from services.gateway.http2.patience import Patience
from services.gateway.http2.ready import AT_HAND, Question
from services.gateway.http2.request import Header, Refused
from services.gateway.http2.sender import ClientGone
from services.gateway.http2.stream import ASGI, WITHOUT_BODY

if TYPE_CHECKING:
    from services.gateway.http1.connection import Http1Connection

Message = Any  # of ASGI: a dict whose shape its "type" decides


class Exchange:
    """A request on a connection, of which there is one at a time."""

    __slots__ = (
        "_asked", "_chunked", "_chunks", "_connection", "_left", "_readable", "_status", "_task", "_told",
        "_unsent_head", "answered", "body", "body_patience", "gone", "head", "keep_alive", "received", "unread",
    )  # fmt: skip

    def __init__(self, connection: "Http1Connection", head: Head) -> None:
        self._connection = connection
        self.head = head
        self.body: Body = Chunked() if head.chunked else Sized(head.length)
        self.body_patience: Patience | None = None
        self.received = 0  # bytes of the request's body
        self.unread = 0  # of which the application has not taken yet
        self.keep_alive = head.keep_alive
        self.answered = False  # completely
        self.gone = False  # the client is, or will send no more
        self._asked: Question | None = None
        self._chunks: list[bytes] = []
        self._told = False  # the application knows that the body has ended
        self._status = 0  # of the answer, once it has begun
        self._unsent_head: bytes | None = None  # leaves with the first part of the body
        self._chunked = False  # the answer is
        self._left: int | None = None  # bytes that the answer has promised; None: it has not
        self._readable: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    # What the connection tells

    def begin(self) -> None:
        """Call the application."""
        if not self._answer_at_once():
            self._task = self._connection.engine.loop.create_task(self._run())

    def cancel(self) -> None:
        """Stop the application: the server ends."""
        if self._task is not None:
            self._task.cancel()

    def on_data(self, data: bytes) -> None:
        """A part of the request's body, or its end."""
        self.received += len(data)
        if data and not self.answered:
            self._chunks.append(data)
            self.unread += len(data)
        self._wake()

    def on_gone(self) -> None:
        """The client has left."""
        self.gone = True
        self._wake()

    def refuse(self, refused: Refused) -> None:
        """The body is malformed: answer for the application, if it is not too late."""
        self.on_gone()
        if self._status:
            self._connection.abort()
            return
        self._status, self.answered, self.keep_alive = refused.status, True, False
        self._connection.write(answer.refusal(refused.status, refused.detail, self._connection.engine.common_headers))
        self._connection.on_answered(self)

    @property
    def owes_body(self) -> bool:
        """Whether it is the client's turn to send some of the body."""
        return not (self.body.ended or self.answered or self.unread)

    # What the application calls

    async def receive(self) -> Message:
        """The next part of the body; after its end, wait until the client is gone or the answer complete."""
        while not (self.answered or self._connection.lost):
            if not self._told and (self._chunks or self.body.ended):
                return self._next_part()
            if self.gone:
                break
            if not self._told:
                self._continue()
            if self._readable is None:
                self._readable = asyncio.Event()
            self._readable.clear()
            await self._readable.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a part of the answer; waits while the client is behind. Raises ClientGone, or ValueError when wrong."""
        if self._connection.lost or (self.gone and self.answered):
            raise ClientGone("the client is gone")
        kind = message["type"]
        if kind == "http.response.body" and self._status:
            self._send_body(message.get("body", b""), message.get("more_body", False))
            if self._connection.paused:
                await self._connection.writable()
        elif kind == "http.response.start" and not self._status:
            self._start(int(message["status"]), response.checked(message.get("headers", ())))
        elif kind == "http.response.early_hint" and not self._status:
            links = response.checked([(b"link", bytes(link)) for link in message["links"]])
            self._connection.write(answer.head(103, links))
        else:
            raise ValueError(f"{kind} is not expected now")

    # The request's body

    def _next_part(self) -> Message:
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self.unread = 0
        self._told = self.body.ended
        self._connection.body_taken()
        return {"type": "http.request", "body": body, "more_body": not self._told}

    def _continue(self) -> None:
        """The application waits for the body: a client that asks first may send it (RFC 9110 section 10.1.1)."""
        if self.head.expects_continue and not self.received and not self._status:
            self.head.expects_continue = False
            self._connection.write(answer.CONTINUE)

    # The answer

    def _start(self, status: int, fields: list[Header]) -> None:
        self._status = status
        self._left = _length(fields)
        if status in WITHOUT_BODY or self.head.method == "HEAD":
            self._left = 0
        elif self._left is None and self.head.version == "1.1":
            self._chunked = True
            fields.append((b"transfer-encoding", b"chunked"))
        elif self._left is None:
            self.keep_alive = False  # the end of the connection is the end of the body
        self._connection.closes_after(self)
        if not self.keep_alive:
            fields.append((b"connection", b"close"))
        elif self.head.version == "1.0":
            fields.append((b"connection", b"keep-alive"))
        self._unsent_head = answer.head(status, fields + self._connection.engine.common_headers)

    def _send_body(self, body: bytes, more: bool) -> None:
        silent = self._status in WITHOUT_BODY or self.head.method == "HEAD"
        if self.answered:
            if silent:
                return
            raise ValueError("http.response.body is not expected now")
        body = b"" if silent else body
        if self._left is not None:
            self._left -= len(body)
        if self._left is not None and (self._left < 0 or (self._left and not more)):
            raise ValueError("the body has another length than content-length says")
        data = (answer.chunk(body) + (b"" if more else answer.LAST_CHUNK)) if self._chunked else body
        self._connection.write((self._unsent_head or b"") + data)
        self._unsent_head = None
        if not more:
            self._finish()

    def _finish(self) -> None:
        self.answered = True
        self._wake()
        self._connection.on_answered(self)

    # The application

    def _answer_at_once(self) -> bool:
        """Send what the application has at hand for a request without a body, if it has."""
        connection, at_hand = self._connection, self._connection.engine.at_hand
        if at_hand is None or self.received or not self.body.ended:
            return False
        self._asked = (connection.scheme, connection.client_host, self.head.data)
        ready = at_hand(self._asked)
        if ready is not None:
            self._start(ready.status, ready.headers.copy())
            self._send_body(ready.body, more=False)
        return ready is not None

    async def _run(self) -> None:
        try:
            await self._connection.engine.app(self._scope(), self.receive, self.send)
        except ClientGone:
            return
        except Exception:
            self._connection.engine.application_failed()
        finally:
            self._task = None
            if not (self.answered or self._connection.lost):
                self._fail()

    def _scope(self) -> Message:
        connection, head = self._connection, self.head
        return {
            "type": "http",
            "http_version": head.version,
            "asgi": ASGI,
            "method": head.method,
            "scheme": connection.scheme,
            "path": head.path,
            "raw_path": head.raw_path,
            "query_string": head.query,
            "root_path": connection.engine.root_path,
            "headers": head.headers.copy(),
            "client": connection.client,
            "server": connection.server,
            "state": connection.engine.state.copy(),
            "extensions": {AT_HAND: self._asked} | ({"http.response.early_hint": {}} if head.version == "1.1" else {}),
        }

    def _fail(self) -> None:
        """The application has left the answer unfinished."""
        self.keep_alive = False
        if self._status and self._unsent_head is None:
            self.answered = True
            self._connection.abort()  # a body that ends early must not look complete
            return
        self._status, self._chunked = 0, False
        self._start(500, [(b"content-length", b"0")])
        self._send_body(b"", more=False)

    def _wake(self) -> None:
        if self._readable is not None:
            self._readable.set()


def _length(fields: list[response.Header]) -> int | None:
    """What the application promises."""
    return next((int(value) for name, value in fields if name == b"content-length"), None)
