"""Realtime nodes for the integration tests, with the neighbours they need and clients that remember."""

import asyncio
import base64
import subprocess
import sysconfig
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptovault.auth.v1 import auth_service_pb2 as auth_pb
from cryptovault.auth.v1 import auth_service_pb2_grpc as auth_grpc
from cryptovault.prices.v1 import prices_service_pb2 as prices_pb
from cryptovault.prices.v1 import prices_service_pb2_grpc as prices_grpc
from cryptovault.prices.v1.price_pb2 import Price, Symbol
from cryptovault.realtime.v1 import realtime_service_pb2 as pb
from cryptovault.realtime.v1.realtime_service_pb2_grpc import RealtimeServiceStub

from services.kit import boot
from services.kit.bus import Bus
from services.kit.caller import Caller
from services.kit.settings import load
from services.kit.testing import free_port
from services.realtime.settings import Settings
from services.realtime.wiring import SERVICE
from tests.unit.realtime.helpers import Client

ADMIN = Caller(user_id="root", scopes=frozenset({"admin"})).to_metadata()
PATIENCE = 15.0  # seconds
KEY = Ed25519PrivateKey.generate()


class Auth(auth_grpc.AuthServiceServicer):
    """The part of auth that realtime needs."""

    async def GetJwks(self, request: Any, context: Any) -> auth_pb.GetJwksResponse:
        x = base64.urlsafe_b64encode(KEY.public_key().public_bytes_raw()).rstrip(b"=").decode()
        return auth_pb.GetJwksResponse(keys=[auth_pb.Jwk(kty="OKP", crv="Ed25519", x=x, kid="k1", alg="EdDSA")])

    async def ListRevocations(self, request: Any, context: Any) -> auth_pb.ListRevocationsResponse:
        return auth_pb.ListRevocationsResponse()


class Prices(prices_grpc.PricesServiceServicer):
    """The part of prices that realtime needs."""

    async def ListSymbols(self, request: Any, context: Any) -> prices_pb.ListSymbolsResponse:
        return prices_pb.ListSymbolsResponse(symbols=[Symbol(symbol="BTC-USD")])

    async def ListPrices(self, request: Any, context: Any) -> prices_pb.ListPricesResponse:
        return prices_pb.ListPricesResponse(prices=[price("60000.00", 1)])


def price(value: str, seq: int) -> Price:
    made = Price(symbol="BTC-USD", price=value, bid=value, ask=value, quality=Price.GOOD, seq=seq)
    made.event_time.GetCurrentTime()
    made.published_at.GetCurrentTime()
    return made


def token(user: str, session: str = "s1") -> str:
    now = int(time.time())
    claims = {"iss": "cryptovault", "aud": "cryptovault", "sub": user, "sid": session, "jti": "j", "epoch": 1}
    times = {"scope": "", "iat": now, "exp": now + 600}
    return jwt.encode(claims | times, KEY, "EdDSA", headers={"typ": "at+jwt", "kid": "k1"})


@dataclass
class Node:
    url: str
    rpc: Any


@asynccontextmanager
async def neighbours() -> AsyncIterator[str]:
    """The address of auth and prices."""
    server = grpc.aio.server()
    auth_grpc.add_AuthServiceServicer_to_server(Auth(), server)
    prices_grpc.add_PricesServiceServicer_to_server(Prices(), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield address
    finally:
        await server.stop(None)


@asynccontextmanager
async def running(nats_url: str, name: str = "node-1", port: int = 0) -> AsyncIterator[Node]:
    """A node of the service."""
    port, grpc_port, stopping = port or free_port(), free_port(), asyncio.Event()
    async with neighbours() as address, grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        environment = {
            "CV_NATS_URL": nats_url,
            "CV_REPLICA_ID": name,
            "CV_REALTIME_PORT": str(port),
            "CV_REALTIME_GRPC_PORT": str(grpc_port),
            "CV_AUTH_ADDRESS": address,
            "CV_PRICES_ADDRESS": address,
            "CV_REALTIME_DRAIN_SPREAD_SECONDS": "0.1",
        }
        task = asyncio.create_task(boot.run(SERVICE, load(Settings, environment, "realtime"), stopping))
        node = Node(f"http://127.0.0.1:{port}", RealtimeServiceStub(channel))
        try:
            await until(lambda: is_ready(node.url))
            yield node
        finally:
            stopping.set()
            await task


async def is_ready(url: str) -> bool:
    """Whether the node serves, is connected to NATS and knows the keys of tokens."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/ready") as answer:
            return set((await answer.json())["components"].values()) == {"ok"}
    except aiohttp.ClientError:
        return False


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def client(node: Node, *channels: str, user: str = "", session: str = "s1") -> AsyncIterator[Client]:
    made = Client()
    auth = {"token": token(user, session)} if user else None
    await made.sio.connect(node.url, auth=auth, transports=["websocket"])
    answer = await made.sio.call("subscribe", list(channels))
    assert answer == {"subscribed": list(channels), "rejected": []}
    try:
        yield made
    finally:
        await made.sio.disconnect()


@asynccontextmanager
async def publisher(nats_url: str) -> AsyncIterator[Bus]:
    async with Bus.open(nats_url, "publisher") as bus:
        async with asyncio.timeout(PATIENCE):
            while not bus.connected:
                await asyncio.sleep(0.02)
        yield bus


def to_user(user: str, number: int) -> pb.BroadcastToUserRequest:
    request = pb.BroadcastToUserRequest(user_id=user, event="order_filled")
    request.data.update({"n": number})
    return request


class NatsServer:
    """A NATS server that can be stopped and started again, with its store and its port."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        command = [str(binary), "-a", "127.0.0.1", "-p", str(self._port), "-js", "-sd", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


async def refusal(call: Any) -> grpc.StatusCode | None:
    """The status of a call that fails; None for one that succeeds."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return None
