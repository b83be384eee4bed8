"""The gateway's pipeline over real gRPC upstreams on loopback, with faked time, limits and tokens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from cryptovault.auth.v1 import auth_service_pb2 as auth_pb
from cryptovault.auth.v1 import auth_service_pb2_grpc as auth_grpc
from cryptovault.cache.v1 import cache_service_pb2 as cache_pb
from cryptovault.cache.v1 import cache_service_pb2_grpc as cache_grpc
from cryptovault.prices.v1 import prices_service_pb2 as prices_pb
from cryptovault.prices.v1 import prices_service_pb2_grpc as prices_grpc
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.api import api_routes
from services.gateway.api_keys import Holder
from services.gateway.app import Application, Parts, application
from services.gateway.components import Components
from services.gateway.dashboard import Dashboard
from services.gateway.http2.ready import AT_HAND, Question
from services.gateway.limits.limiter import RateLimiter
from services.gateway.openapi.document import openapi_document
from services.gateway.pages import docs_site, own_routes
from services.gateway.pipeline.repeats import Repeats
from services.gateway.pipeline.response_cache import Stored, Unwritten, cache_options
from services.gateway.site import Site
from services.gateway.sockets.polling import Polling
from services.gateway.sockets.target import Target, forwarding_session
from services.gateway.sockets.websocket import WebSocketForwarder
from services.gateway.transcoding.catalog import Operation, default_descriptors, load, read_descriptors
from services.gateway.upstreams import Upstreams
from services.gateway.wrong_credentials import WrongCredentials
from services.kit.api_keys import refusal
from services.kit.cache import Cache
from services.kit.caller import Caller, caller_of
from services.kit.errors import AlreadyExists, FieldError, InvalidInput, NotFound, Unauthenticated, Unavailable
from services.kit.health import Health
from services.kit.rpc import RpcServer
from services.kit.testing import FakeClock, free_port
from services.kit.tokens import Claims, WrongToken

DESCRIPTORS = read_descriptors(default_descriptors())
OPERATIONS = load(DESCRIPTORS)

USER = {"authorization": "Bearer user-token"}
ADMIN = {"authorization": "Bearer admin-token"}


class FakeVerifier:
    """Knows two tokens."""

    def __init__(self) -> None:
        self.scopes = {"user-token": frozenset[str](), "admin-token": frozenset({"admin"})}
        self.seen: dict[str, Claims] = {}
        self.revoked: set[str] = set()
        self.in_vain = 0  # verifications
        self.gate = asyncio.Event()
        self.gate.set()

    def knows(self, token: str) -> bool:
        return token in self.seen

    def recall(self, token: str) -> Claims | None:
        claims = self.seen.get(token)
        return claims if claims is not None and self.counts(claims) else None

    def counts(self, claims: Claims) -> bool:
        return claims.session_id not in self.revoked

    async def verify(self, token: str) -> Claims:
        await self.gate.wait()
        if token not in self.scopes:
            self.in_vain += 1
            raise WrongToken("the access token's signature is wrong", reason="token_invalid")
        claims = self.seen.setdefault(token, self._claims(token))
        if not self.counts(claims):
            raise Unauthenticated("the session has ended", reason="token_revoked")
        return claims

    def _claims(self, token: str) -> Claims:
        return Claims(f"id-of-{token}", "session-1", self.scopes[token], 1, 2e9, "token-1")


class FakeKeys:
    """Knows three keys."""

    def __init__(self) -> None:
        self.holders = {
            "free-key": Holder("k1", "u1", frozenset(), "free"),
            "pro-key": Holder("k2", "u2", frozenset(), "pro"),
            "admin-key": Holder("k3", "u3", frozenset({"admin"}), "unheard-of"),
        }
        self.seen: dict[str, Holder] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    def recall(self, text: str) -> Holder | None:
        return self.seen.get(text)

    async def resolve(self, text: str, address: str) -> Holder:
        await self.gate.wait()
        if text == "unknown-to-us":
            raise Unavailable("API keys cannot be checked at the moment", retry_after=1.0)
        if text not in self.holders:
            raise refusal()
        return self.seen.setdefault(text, self.holders[text])


class AwayRedis:
    """Redis that never answers: the limiter decides locally, by the test's clock."""

    async def __call__(self, keys: Sequence[str], args: Sequence[str | int]) -> list[int]:
        raise Unavailable("Redis is away")


class FakePrices(prices_grpc.PricesServiceServicer):
    """Two symbols; counts its calls; fails when told."""

    def __init__(self) -> None:
        self.calls = 0
        self.failures: list[Exception] = []
        self.delay = 0.0
        self.slow_calls: list[float] = []
        self.streamed = 3
        self.padding = ""
        self.stream_ended = asyncio.Event()
        self.last_request: Any = None
        self.last_caller = Caller()

    async def _called(self, request: Any, context: Any) -> None:
        self.calls += 1
        self.last_request, self.last_caller = request, caller_of(context)
        await asyncio.sleep(self.slow_calls.pop(0) if self.slow_calls else self.delay)
        if self.failures:
            raise self.failures.pop(0)

    async def ListPrices(self, request: Any, context: Any) -> Any:
        await self._called(request, context)
        answer = prices_pb.ListPricesResponse()
        for symbol in ("BTC-USD", "ETH-USD"):
            answer.prices.add(symbol=symbol, price="61234.50", seq=self.calls, change_24h=self.padding)
        return answer

    async def GetPrice(self, request: Any, context: Any) -> Any:
        await self._called(request, context)
        if request.symbol not in ("BTC-USD", "ETH-USD"):
            raise NotFound(f"unknown symbol {request.symbol}")
        answer = prices_pb.GetPriceResponse()
        answer.price.symbol, answer.price.price, answer.price.quality = request.symbol, "61234.50", 1
        return answer

    async def ListCandles(self, request: Any, context: Any) -> Any:
        await self._called(request, context)
        return prices_pb.ListCandlesResponse(symbol=request.symbol, interval=request.interval)

    async def StreamPrices(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await self._called(request, context)
        if request.symbol != "BTC-USD":
            raise NotFound(f"unknown symbol {request.symbol}")
        try:
            for sequence in range(self.streamed):
                answer = prices_pb.StreamPricesResponse()
                answer.price.symbol, answer.price.seq = request.symbol, sequence
                yield answer
                await asyncio.sleep(0.01)
        finally:
            self.stream_ended.set()

    async def ListSymbols(self, request: Any, context: Any) -> Any:
        await self._called(request, context)
        return prices_pb.ListSymbolsResponse()

    async def ListVenues(self, request: Any, context: Any) -> Any:
        await self._called(request, context)
        raise RuntimeError("a fault that nobody expected: secret-of-the-service")


class FakeAuth(auth_grpc.AuthServiceServicer):
    """Takes one password."""

    async def Register(self, request: Any, context: Any) -> Any:
        if not request.email:
            raise InvalidInput("email is required", fields=(FieldError("email", "is required"),))
        raise AlreadyExists("there is an account with this address")

    async def Login(self, request: Any, context: Any) -> Any:
        if request.password != "correct horse battery staple":
            raise Unauthenticated("wrong address or password")
        answer = auth_pb.LoginResponse()
        answer.tokens.access_token, answer.tokens.expires_in = "a" * 2000, 600
        return answer

    async def GetMe(self, request: Any, context: Any) -> Any:
        answer = auth_pb.GetMeResponse()
        answer.user.user_id = caller_of(context).require_user()
        return answer

    async def Logout(self, request: Any, context: Any) -> Any:
        return auth_pb.LogoutResponse()


@dataclass
class Harness:
    """A gateway and what stands around it."""

    app: Application
    client: httpx.AsyncClient
    prices: FakePrices
    clock: FakeClock
    cache: Cache[Stored]
    stopping: asyncio.Event
    upstreams: Upstreams
    addresses: dict[str, str]
    verifier: FakeVerifier
    keys: FakeKeys
    limiter: RateLimiter

    @property
    def repeats(self) -> Repeats:
        return self.app.http.repeats


def as_served(app: Application) -> ASGIApp:
    """The application as the gateway's engines call it: asked first for what it has at hand."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        asked = None if {b"content-length", b"transfer-encoding"} & dict(scope["headers"]).keys() else _question(scope)
        ready = app.at_hand(asked) if asked is not None else None
        if ready is None:
            return await app({**scope, "extensions": {AT_HAND: asked}}, receive, send)
        await send({"type": "http.response.start", "status": ready.status, "headers": ready.headers})
        await send({"type": "http.response.body", "body": ready.body})

    return serve


def _question(scope: Scope) -> Question:
    return (
        scope["scheme"],
        scope["client"][0],
        scope["method"],
        scope["path"],
        scope["query_string"],
        *scope["headers"],
    )


class FakeCache(cache_grpc.CacheServiceServicer):
    """Has nothing to tell."""

    async def GetStats(self, request: Any, context: Any) -> Any:
        return cache_pb.GetStatsResponse()


async def start_upstream(stack: AsyncExitStack, register: Any, port: int = 0) -> str:
    """A gRPC server for one servicer; its address."""
    health = Health()
    health.mark_started()
    server = RpcServer(port or free_port(), register=[register], service_names=[], health=health, host="127.0.0.1")
    await server.start()
    stack.push_async_callback(server.drain, 0)
    return f"127.0.0.1:{server.port}"


@asynccontextmanager
async def gateway(
    static: Path = Path("/nonexistent"),
    realtime: str = "http://127.0.0.1:1",
    further: Mapping[str, str] | None = None,
    operations: Sequence[Operation] = OPERATIONS,
    **options: Any,
) -> AsyncIterator[Harness]:
    """A gateway in this process; requests reach it through `client`."""
    async with AsyncExitStack() as stack:
        prices, clock, stopping = FakePrices(), FakeClock(), asyncio.Event()
        addresses = {
            "prices": await start_upstream(stack, (prices_grpc.add_PricesServiceServicer_to_server, prices)),
            "auth": await start_upstream(stack, (auth_grpc.add_AuthServiceServicer_to_server, FakeAuth())),
            "realtime": f"127.0.0.1:{free_port()}",
            "cache": f"127.0.0.1:{free_port()}",
            **(further or {}),
        }
        upstreams = await stack.enter_async_context(Upstreams.open(addresses, clock))
        cache: Cache[Stored] = Cache("responses", options=cache_options(1000), codec=Unwritten(), clock=clock)
        health, limiter = Health(clock), RateLimiter(AwayRedis(), clock)
        verifier, keys = FakeVerifier(), FakeKeys()
        health.mark_started()
        parts = Parts(
            verifier=verifier,
            keys=keys,
            wrong=WrongCredentials(clock),
            limiter=limiter,
            cache=cache,
            clock=clock,
            fallback=Dashboard(Site(static)),
        )
        parts = replace(parts, **options)
        components = Components({}, upstreams, clock)
        own = own_routes(health, components, openapi_document(OPERATIONS, DESCRIPTORS), docs_site())
        session, target = await stack.enter_async_context(forwarding_session()), Target(realtime)
        routes = [*api_routes(operations, upstreams, stopping), *own, *Polling(session, target).routes()]
        app = application(routes, parts, WebSocketForwarder(session, target, parts.trusted_proxy_hops, stopping))
        transport = httpx.ASGITransport(app=as_served(app), client=("192.0.2.7", 4000))
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://gateway"))
        yield Harness(app, client, prices, clock, cache, stopping, upstreams, addresses, verifier, keys, limiter)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that happens soon."""
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)
