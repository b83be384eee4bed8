"""One request and its answer on their way through the policies."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from cryptovault.gateway.v1.policy_pb2 import Policy as Declared
from opentelemetry.trace import Span
from starlette.types import Message, Receive, Scope

from services.gateway.transcoding.catalog import Policy
from services.kit.caller import Caller

Header = tuple[bytes, bytes]
Headers = list[Header]

JSON = b"application/json"
PROBLEM = b"application/problem+json"
SOCKETS = "/socket.io/"  # what lies below it realtime answers

ANONYMOUS = Caller()
BODILESS_VERBS = frozenset({"GET", "HEAD"})


class Answer:
    """An answer, ready to send; never changed once it is made, so that caches may share it between exchanges."""

    __slots__ = ("body", "compressible", "fields", "forms", "headers", "status", "stream")

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
        self.forms: dict[str, Answer] = {}  # by content coding: made once, however often they are sent
        self.fields: Headers | None = None  # its headers as they are sent, once somebody has checked them

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


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
    span_id: str = ""
    span: Span | None = None  # only where something is recorded
    deadline: float | None = None  # monotonic seconds, as the client wishes
    route: "Route | None" = None
    path_values: Sequence[str] = ()
    body: bytes = b""
    caller: Caller = ANONYMOUS
    answer_headers: Headers = field(default_factory=list)
    hints: Sequence[bytes] = ()  # Links that a browser may follow before it has the answer
    body_ended: bool = False
    gone: bool = False
    # How policies do their part again, for the same question (pipeline.repeats); None: they cannot.
    recall: Callable[[], bool] | None = None  # whether the caller still counts
    kept: "Callable[[], tuple[Answer, Header] | None] | None" = None  # the answer and its age, if it may still be sent
    charge: Callable[[], Headers | None] | None = None  # take from the quota, if it is there, and tell what is left

    @classmethod
    def from_scope(cls, scope: Scope, receive: Receive) -> "Exchange":
        """The exchange that an ASGI scope begins."""
        client = scope.get("client")
        method, headers = scope["method"], join_headers(scope["headers"])
        exchange = cls(
            method,
            scope["raw_path"].decode("latin-1"),
            scope["query_string"],
            headers,
            client[0] if client else "",
            scope["scheme"] == "https",
            scope["http_version"],
            receive,
        )
        exchange.body_ended = method in BODILESS_VERBS and not _announces_body(headers)
        return exchange

    def detached(self) -> "Exchange":
        """The same question without the one who asks: for work that others share, or that outlives this exchange."""
        return Exchange(
            method="GET",
            path=self.path,
            query=self.query,
            headers={},
            peer="",
            secure=self.secure,
            http_version=self.http_version,
            receive=_nobody,
            request_id=self.request_id,
            trace_id=self.trace_id,
            span_id=self.span_id,
            span=self.span,
            route=self.route,
            path_values=self.path_values,
            caller=Caller(request_id=self.request_id),
            body_ended=True,
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
    joined = dict(pairs)
    if len(joined) == len(pairs):
        return joined
    joined.clear()
    for name, value in pairs:
        joined[name] = joined[name] + b", " + value if name in joined else value
    return joined


def _announces_body(headers: dict[bytes, bytes]) -> bool:
    """A read has a body only if it says so; what comes unannounced has no meaning and is left to the connection."""
    return b"content-length" in headers or b"transfer-encoding" in headers


async def _nobody() -> Message:
    return {"type": "http.disconnect"}


class Handler(Protocol):
    """Answers an exchange; raises CryptoVaultError for what becomes a problem.

    A policy that has nothing to await is a plain function that hands on the next one's answer.
    """

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

    @cached_property
    def public_read(self) -> bool:
        """Whether everybody gets the same answer."""
        return self.verb == "GET" and self.policy is not None and self.policy.access == Declared.PUBLIC

    @cached_property
    def cache_ttl(self) -> float:
        """Seconds that an answer may be kept; 0: not at all."""
        return self.policy.cache_ttl if self.policy is not None and self.public_read else 0.0
