"""The services behind the gateway under measurement: real gRPC, and as little work behind it as possible.

`Prices` answers with fifty prices that only change when they are told to, `Auth` publishes the key of the one token
that is used.
"""

import asyncio
import base64
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from itertools import combinations
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptovault.auth.v1 import auth_service_pb2 as auth_pb
from cryptovault.auth.v1 import auth_service_pb2_grpc as auth_grpc
from cryptovault.prices.v1 import prices_service_pb2 as prices_pb
from cryptovault.prices.v1 import prices_service_pb2_grpc as prices_grpc
from cryptovault.prices.v1.price_pb2 import Price

from services.kit.errors import Unauthenticated
from services.kit.health import Health
from services.kit.rpc import RpcServer

SYMBOLS = tuple(f"C{number:02d}-USD" for number in range(50))
LEFT_OUT = 3  # symbols of a query that no other query leaves out together; 19,600 such queries
MADE_AT = 1_790_000_000  # seconds since 1970 UTC
TOKEN_LIFE = 6 * 3600  # seconds; longer than any run
KEY = Ed25519PrivateKey.generate()


class Auth(auth_grpc.AuthServiceServicer):
    """The part of auth that a gateway asks without being asked."""

    async def GetJwks(self, request: Any, context: Any) -> auth_pb.GetJwksResponse:
        """The one key."""
        x = base64.urlsafe_b64encode(KEY.public_key().public_bytes_raw()).rstrip(b"=").decode()
        return auth_pb.GetJwksResponse(keys=[auth_pb.Jwk(kty="OKP", crv="Ed25519", x=x, kid="bench", alg="EdDSA")])

    async def Login(self, request: Any, context: Any) -> auth_pb.LoginResponse:
        """Nobody is known here."""
        raise Unauthenticated("the e-mail address or the password is wrong")

    async def ListRevocations(self, request: Any, context: Any) -> auth_pb.ListRevocationsResponse:
        """Nothing is revoked."""
        return auth_pb.ListRevocationsResponse()


class Prices(prices_grpc.PricesServiceServicer):
    """Fifty prices, or those asked for."""

    def __init__(self) -> None:
        self.calls = 0
        self.delay = 0.0  # seconds that an answer takes
        self._change_every = math.inf  # seconds
        self._changed = time.monotonic()
        self._prices = _prices()

    async def ListPrices(self, request: Any, context: Any) -> prices_pb.ListPricesResponse:
        """The prices, counted as one call."""
        self.calls += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        if time.monotonic() - self._changed >= self._change_every:
            self._change()
        wanted = [symbol for entry in request.symbols for symbol in entry.split(",")]
        return prices_pb.ListPricesResponse(prices=[self._prices[symbol] for symbol in wanted or SYMBOLS])

    @contextmanager
    def changing(self, every: float) -> Iterator[None]:
        """Change all prices every so many seconds; then they are again what all servers have to answer."""
        self._change_every = every
        try:
            yield
        finally:
            self._change_every = math.inf
            self._prices = _prices()

    def _change(self) -> None:
        self._changed = time.monotonic()
        for one in self._prices.values():
            one.seq += 1
            one.published_at.GetCurrentTime()


def _prices() -> dict[str, Price]:
    return {symbol: price(number, symbol) for number, symbol in enumerate(SYMBOLS)}


def price(number: int, symbol: str) -> Price:
    """One price as the prices service sends it."""
    value = Decimal("61234.50") / (number + 1)
    made = Price(
        symbol=symbol,
        price=f"{value:.4f}",
        bid=f"{value * Decimal('0.9999'):.4f}",
        ask=f"{value * Decimal('1.0001'):.4f}",
        change_24h=f"{number % 7 - 3}.{number:02d}",
        quality=Price.GOOD,
        max_age_ms=number * 7,
        seq=100_000 + number,
    )
    made.event_time.FromSeconds(MADE_AT)
    made.published_at.FromSeconds(MADE_AT)
    return made


@asynccontextmanager
async def serving(port: int) -> AsyncIterator[Prices]:
    """Serve both on the port; gives the prices, which count their calls."""
    prices = Prices()
    register = [
        (auth_grpc.add_AuthServiceServicer_to_server, Auth()),
        (prices_grpc.add_PricesServiceServicer_to_server, prices),
    ]
    health = Health()
    health.mark_started()
    server = RpcServer(port, register=register, service_names=[], health=health)
    await server.start()
    try:
        yield prices
    finally:
        await server.drain(1.0)


def access_token() -> str:
    """An access token of an ordinary user."""
    now = int(time.time())
    claims = {"iss": "cryptovault", "aud": "cryptovault", "sub": "bench-user", "sid": "s1", "jti": "j1", "epoch": 1}
    claims |= {"scope": "", "iat": now, "exp": now + TOKEN_LIFE}
    return jwt.encode(claims, KEY, "EdDSA", headers={"typ": "at+jwt", "kid": "bench"})


def distinct_queries(first: int, count: int) -> Sequence[str]:
    """Paths that ask for 47 prices each, no two for the same, so that no cache can answer them."""
    left_out = list(combinations(SYMBOLS, LEFT_OUT))[first : first + count]
    return ["/api/prices?symbols=" + ",".join(s for s in SYMBOLS if s not in out) for out in left_out]
