"""The stack that people start with: FastAPI, GZipMiddleware, and slowapi on Redis, as their documentation shows them.

`/api/prices` returns objects, as FastAPI applications do; `/prepared/api/prices` bytes that were made in advance.
"""

import json
import os
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.middleware.gzip import GZipMiddleware
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.util import get_remote_address

from bench.gateway_parts.apps.answer import PLAIN

RATE = "1000000000/minute"  # counted, and never reached
PRICES: dict[str, Any] = json.loads(PLAIN)

limiter = Limiter(key_func=get_remote_address, storage_uri=os.environ["BENCH_REDIS_URL"])
app = FastAPI()
app.state.limiter = limiter
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
app.add_middleware(GZipMiddleware, minimum_size=1000)


@app.get("/api/prices")
@limiter.limit(RATE)
async def prices(request: Request) -> dict[str, Any]:
    """The answer, written anew each time."""
    return PRICES


@app.get("/prepared/api/prices")
@limiter.limit(RATE)
async def prepared(request: Request) -> Response:
    """The answer as it was prepared."""
    return Response(PLAIN, media_type="application/json")
