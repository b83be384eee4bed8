"""One request and its answer on their way through the policies."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import Receive, Scope

from services.gateway.transcoding.catalog import Policy
from services.kit.caller import Caller

Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
PROBLEM = b"application/problem+json"


class Answer:
    """An answer, ready to send; never changed once it is made, so that caches may share it between exchanges."""

    __slots__ = ("body", "compressible", "headers", "status", "stream", "variants")

    def __init__(
        self,
        status: int,
        headers: Headers,
        body: bytes = b"",
        *,
        stream: AsyncGenerator[bytes, None] | None = None,
        compressible: bool = True,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.stream = stream  # instead of a body
        self.compressible = compressible
        self.variants: dict[str, Answer] = {}  # by content coding: compressed once, however often it is sent

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(slots=True)
class Exchange:
    """What is known of a request, and the headers that its answer will carry beside its own."""

    method: str
    path: str  # as sent, percent-encoded, without the query
    query: bytes
    headers: dict[bytes, bytes]
    peer: str  # address of the other end of the connection
    secure: bool
    http_version: str
    receive: Receive
    client_ip: str = ""
    request_id: str = ""
    trace_id: str = ""
    route: "Route | None" = None
    path_values: Sequence[str] = ()
    body: bytes = b""
    caller: Caller = field(default_factory=Caller)
    answer_headers: Headers = field(default_factory=list)
    body_ended: bool = False
    gone: bool = False

    @classmethod
    def from_scope(cls, scope: Scope, receive: Receive) -> "Exchange":
        """The exchange that an ASGI scope begins."""
        client = scope.get("client")
        return cls(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"],
            headers=join_headers(scope["headers"]),
            peer=client[0] if client else "",
            secure=scope["scheme"] in ("https", "wss"),
            http_version=scope["http_version"],
            receive=receive,
        )

    def text(self, name: bytes) -> str:
        """A request header as text; empty when it is absent."""
        return self.headers.get(name, b"").decode("latin-1")

    async def read(self) -> bytes:
        """The next piece of the body; empty pieces are possible, `body_ended` says when it is over."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            self.gone = self.body_ended = True
            return b""
        self.body_ended = not message.get("more_body", False)
        return bytes(message.get("body", b""))

    async def wait_gone(self) -> None:
        """Return when the client leaves."""
        while not self.gone:
            await self.read()


def join_headers(pairs: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by lower-case name; repeated ones are joined as RFC 9110 section 5.3 allows."""
    joined: dict[bytes, bytes] = {}
    for name, value in pairs:
        joined[name] = joined[name] + b", " + value if name in joined else value
    return joined


class Handler(Protocol):
    """Answers an exchange; raises CryptoVaultError for what becomes a problem."""

    def __call__(self, exchange: Exchange, /) -> Awaitable[Answer]: ...


@dataclass(frozen=True)
class Route:
    """What a path and a verb lead to. Routes without a policy are the gateway's own pages."""

    verb: str
    path: str
    handler: Callable[[Exchange], Awaitable[Answer]]
    policy: Policy | None = None
    name: str = ""
    area: str = ""
