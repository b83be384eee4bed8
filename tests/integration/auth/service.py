"""An auth service in this process, and who calls it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import jwt
import msgspec
from cryptovault.auth.v1 import auth_service_pb2 as pb
from cryptovault.auth.v1.auth_service_pb2_grpc import AuthServiceStub

from services.auth.settings import Settings
from services.auth.wiring import SERVICE
from services.kit import boot
from services.kit.bus import Bus
from services.kit.caller import Caller
from services.kit.clock import SystemClock
from services.kit.db import Database
from services.kit.errors import CryptoVaultError, Unauthenticated, from_grpc
from services.kit.rpc import channel
from services.kit.store import Store
from services.kit.token_updates import follow, jwks_of
from services.kit.tokens import TokenVerifier

PASSWORD = "correct horse battery staple"
ADMIN = ("root@example.com", "an admin's long passphrase")


class Client:
    """Calls auth as the gateway does."""

    def __init__(self, stub, caller: Caller | None = None) -> None:
        self.stub = stub
        self.caller = caller or Caller(client_ip=secrets.token_hex(4), user_agent="test")

    async def call(self, name: str, /, **fields):
        request = getattr(pb, f"{name}Request")(**fields)
        try:
            return await getattr(self.stub, name)(request, metadata=self.caller.to_metadata(), timeout=20)
        except grpc.aio.AioRpcError as error:
            raise from_grpc(error) from error

    async def register(self, email: str = "", password: str = PASSWORD) -> pb.Tokens:
        email = email or f"{secrets.token_hex(6)}@example.com"
        return (await self.call("Register", email=email, password=password)).tokens

    async def login(self, email: str, password: str = PASSWORD) -> pb.Tokens:
        return (await self.call("Login", email=email, password=password)).tokens

    async def refresh(self, token: str) -> pb.Tokens:
        return (await self.call("Refresh", refresh_token=token)).tokens

    def signed_in(self, tokens: pb.Tokens) -> "Client":
        claims = jwt.decode(tokens.access_token, options={"verify_signature": False})
        caller = msgspec.structs.replace(self.caller, user_id=claims["sub"], session_id=claims["sid"])
        return Client(self.stub, caller)


@dataclass
class World:
    """A running auth service and what it stands on."""

    client: Client
    settings: Settings
    store: Store
    bus: Bus
    database: Database


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[AuthServiceStub]:
    """An auth service in this process, ready to be called."""
    stopping = asyncio.Event()
    service = asyncio.create_task(boot.run(SERVICE, settings, stopping))
    try:
        async with channel(f"127.0.0.1:{settings.port}") as link:
            stub = AuthServiceStub(link)
            await until(lambda: answers(stub))
            yield stub
    finally:
        stopping.set()
        await service


async def answers(stub) -> bool:
    try:
        return bool((await stub.GetJwks(pb.GetJwksRequest(), timeout=1)).keys)
    except grpc.aio.AioRpcError:
        return False


async def until(condition, limit: float = 15.0) -> None:
    async with asyncio.timeout(limit):
        while not await condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def following(world: World) -> AsyncIterator[TokenVerifier]:
    """A verifier as the gateway has one."""
    stub, settings = world.client.stub, world.settings
    verifier = TokenVerifier(jwks_of(stub), SystemClock(), settings.token_issuer, settings.token_audience)
    task = asyncio.create_task(follow(verifier, world.bus, stub))
    try:
        await until(lambda: knows_keys(verifier))
        yield verifier
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def knows_keys(verifier: TokenVerifier) -> bool:
    try:
        await verifier.probe()
        return True
    except CryptoVaultError:
        return False


async def refused(verifier: TokenVerifier, token: str) -> bool:
    try:
        await verifier.verify(token)
        return False
    except Unauthenticated:
        return True
