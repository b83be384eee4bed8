"""The gateway as one ASGI application: the policies in their order, around the routes."""

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.http2.ready import AtHand
from services.gateway.pipeline.admission import Admission
from services.gateway.pipeline.authentication import Authentication, Keys, Verifier
from services.gateway.pipeline.body import BodyReader, DeclaredLength
from services.gateway.pipeline.compression import Compression
from services.gateway.pipeline.conditional import Conditional
from services.gateway.pipeline.cors import Cors
from services.gateway.pipeline.deadline import Deadline
from services.gateway.pipeline.edge import Edge
from services.gateway.pipeline.exchange import Handler, Route
from services.gateway.pipeline.identity import ClientIdentity
from services.gateway.pipeline.problems import Problems
from services.gateway.pipeline.rate_limit import NO_TIERS, Limiter, RateLimit
from services.gateway.pipeline.repeats import Repeats
from services.gateway.pipeline.response_cache import STALE_SHARE, ResponseCache, Stored
from services.gateway.pipeline.routing import Routing, RoutingTable
from services.gateway.pipeline.sampling import Sampler
from services.gateway.pipeline.security_headers import SecurityHeaders
from services.gateway.pipeline.serving import call_route
from services.gateway.pipeline.tracing import Tracing
from services.gateway.resilience.lag import LoopLag
from services.gateway.transcoding.catalog import Rate
from services.gateway.wrong_credentials import WrongCredentials
from services.kit import telemetry
from services.kit.cache import Cache
from services.kit.clock import Clock


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the policies work with."""

    verifier: Verifier
    keys: Keys
    wrong: WrongCredentials
    limiter: Limiter
    cache: Cache[Stored]
    clock: Clock
    fallback: Handler
    lag: LoopLag = field(default_factory=LoopLag)
    cache_stale_share: float = STALE_SHARE
    rate_limit_factor: float = 1.0
    rate_limit_shadow: bool = False
    tiers: Mapping[str, Rate] = field(default_factory=lambda: NO_TIERS)
    trusted_proxy_hops: int = 0
    cors_origins: tuple[str, ...] = ()
    traces_per_second: int = 0


def pipeline(routes: Iterable[Route], parts: Parts, sampler: Sampler) -> Handler:
    """The policies around the routes, put together from the inside out."""
    handler: Handler = call_route
    handler = Admission(handler, parts.lag)
    handler = ResponseCache(handler, parts.cache, parts.clock, parts.cache_stale_share)
    handler = BodyReader(handler)
    handler = RateLimit(
        handler, parts.limiter, parts.rate_limit_factor, shadow=parts.rate_limit_shadow, tiers=parts.tiers
    )
    handler = Authentication(handler, parts.verifier, parts.keys, parts.wrong)
    handler = DeclaredLength(handler)
    handler = Deadline(handler)
    handler = Routing(handler, RoutingTable(routes), parts.fallback)
    handler = ClientIdentity(handler, parts.trusted_proxy_hops)
    handler = Cors(handler, parts.cors_origins)
    handler = Problems(handler)
    handler = Compression(handler)
    handler = Conditional(handler)
    handler = SecurityHeaders(handler)
    return Tracing(handler, sampler, vouched=parts.trusted_proxy_hops > 0)


class Application:
    """The ASGI application: HTTP goes straight to the policies, all else (WebSockets, lifespan) through Starlette.

    at_hand: what can be answered without a call.
    """

    def __init__(self, http: Edge, websocket: ASGIApp) -> None:
        self.http = http
        self.at_hand: AtHand = http.repeats.answer
        self._others = Starlette(routes=[WebSocketRoute("/{path:path}", websocket)])

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one connection."""
        return (self.http if scope["type"] == "http" else self._others)(scope, receive, send)


def application(routes: Iterable[Route], parts: Parts, websocket: ASGIApp) -> Application:
    """The policies as an ASGI application, with WebSockets forwarded."""
    sampler = Sampler(telemetry.root_share(), parts.traces_per_second)
    repeats = Repeats(sampler)
    repeats.publish()
    return Application(Edge(pipeline(routes, parts, sampler), repeats), websocket)
