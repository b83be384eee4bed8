"""The gateway as one ASGI application: the policies in their order, around the routes."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute
from starlette.types import ASGIApp

from services.gateway.pipeline.authentication import Authentication, Verifier
from services.gateway.pipeline.body import BodyReader, DeclaredLength
from services.gateway.pipeline.compression import Compression
from services.gateway.pipeline.conditional import Conditional
from services.gateway.pipeline.cors import Cors
from services.gateway.pipeline.edge import Edge
from services.gateway.pipeline.exchange import Answer, Exchange, Handler, Route
from services.gateway.pipeline.identity import ClientIdentity
from services.gateway.pipeline.problems import Problems
from services.gateway.pipeline.rate_limit import Limiter, RateLimit
from services.gateway.pipeline.response_cache import ResponseCache, Stored
from services.gateway.pipeline.routing import Routing, RoutingTable
from services.gateway.pipeline.security_headers import SecurityHeaders
from services.gateway.pipeline.tracing import Tracing
from services.kit.cache import Cache
from services.kit.clock import Clock


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the policies work with."""

    verifier: Verifier
    limiter: Limiter
    cache: Cache[Stored]
    clock: Clock
    fallback: Handler
    rate_limit_factor: float = 1.0
    trusted_proxy_hops: int = 0
    cors_origins: tuple[str, ...] = ()


def pipeline(routes: Iterable[Route], parts: Parts) -> Handler:
    """The policies around the routes, put together from the inside out."""
    handler: Handler = call_route
    handler = ResponseCache(handler, parts.cache, parts.clock)
    handler = BodyReader(handler)
    handler = RateLimit(handler, parts.limiter, parts.rate_limit_factor)
    handler = Authentication(handler, parts.verifier)
    handler = DeclaredLength(handler)
    handler = Routing(handler, RoutingTable(routes), parts.fallback)
    handler = ClientIdentity(handler, parts.trusted_proxy_hops)
    handler = Cors(handler, parts.cors_origins)
    handler = Problems(handler)
    handler = Compression(handler)
    handler = Conditional(handler)
    handler = SecurityHeaders(handler)
    return Tracing(handler)


def application(handler: Handler, websocket: ASGIApp) -> Starlette:
    """The ASGI application: HTTP goes to the policies, WebSockets are forwarded."""
    return Starlette(routes=[WebSocketRoute("/{path:path}", websocket), Mount("", app=Edge(handler))])


async def call_route(exchange: Exchange) -> Answer:
    """The innermost step: the route's own handler."""
    route = exchange.route
    assert route is not None
    return await route.handler(exchange)
