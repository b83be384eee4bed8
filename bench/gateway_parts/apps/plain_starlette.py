"""Starlette with its own compression, and an answer made in advance: the cost is that of the frameworks."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.gateway_parts.apps.answer import PLAIN


async def prices(request: Request) -> Response:
    """The answer."""
    return Response(PLAIN, media_type="application/json")


app = Starlette(
    routes=[Route("/api/prices", prices)],
    middleware=[Middleware(GZipMiddleware, minimum_size=1000)],
)
