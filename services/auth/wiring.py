"""How auth is put together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptovault.auth.v1.auth_service_pb2 import DESCRIPTOR
from cryptovault.auth.v1.auth_service_pb2_grpc import add_AuthServiceServicer_to_server

from services.auth import commands
from services.auth.adapters.accounts import PostgresAccounts
from services.auth.adapters.api_keys import PostgresApiKeys
from services.auth.adapters.attempts import RedisAttempts
from services.auth.adapters.audit import PostgresAudit
from services.auth.adapters.hasher import Argon2Hasher, HashRules
from services.auth.adapters.keys import KeyTable, Vault
from services.auth.adapters.revocations import RedisRevocations
from services.auth.adapters.sessions import RedisSessions, SessionRules
from services.auth.adapters.tokens import RETRY_INTERVAL, TokenMint, TokenRules
from services.auth.domain.api_keys import ApiKeyDesk
from services.auth.domain.operator import Operator
from services.auth.domain.sessions import SessionDesk
from services.auth.domain.sign_in import SignIn
from services.auth.handlers import AuthHandlers
from services.auth.settings import Settings
from services.kit.api_keys import KEPT_SECONDS
from services.kit.boot import Command, Runtime, Service
from services.kit.bus import Bus
from services.kit.clock import Clock, SystemClock
from services.kit.db import Database
from services.kit.errors import CryptoVaultError, Unavailable
from services.kit.rpc import RpcServer
from services.kit.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Servers:
    """The servers that auth talks to, and its hashing threads."""

    database: Database
    store: Store
    bus: Bus
    hasher: Argon2Hasher


@dataclass(frozen=True)
class Parts:
    """Auth without its gRPC face: what the service and the operator's commands have in common."""

    accounts: PostgresAccounts
    audit: PostgresAudit
    keys: KeyTable
    mint: TokenMint
    revocations: RedisRevocations
    desk: SessionDesk
    api_keys: ApiKeyDesk
    operator: Operator


async def wire(settings: Settings, runtime: Runtime) -> None:
    """Build the service."""
    servers = await runtime.enter(_open_servers(settings, runtime.name))
    parts = _assemble(settings, servers, runtime.clock)
    _watch(runtime, servers, parts)
    runtime.background("audit", parts.audit.run)
    runtime.background("keys", parts.mint.keep_keys)
    runtime.background("stats", lambda: runtime.stats.run(servers.bus))
    if settings.admin_email and settings.admin_password:
        email, password = settings.admin_email, settings.admin_password
        runtime.background("admin", lambda: _ensure_admin(parts.operator, email, password, runtime.clock))
    sign_in = SignIn(
        parts.accounts,
        servers.hasher,
        RedisAttempts(servers.store, runtime.clock, settings.login_free_failures),
        parts.desk,
        parts.audit,
        runtime.clock,
        require_verified_email=settings.require_verified_email,
    )
    _serve(settings, runtime, AuthHandlers(sign_in, parts.desk, parts.api_keys, parts.revocations, parts.mint.jwks))


@asynccontextmanager
async def _open_servers(settings: Settings, name: str) -> AsyncIterator[Servers]:
    rules = HashRules(
        memory_kib=settings.argon2_memory_kib,
        passes=settings.argon2_passes,
        lanes=settings.argon2_lanes,
        workers=settings.hash_threads,
        queue=settings.hash_queue,
    )
    async with (
        Database.open(settings.database_url) as database,
        Store.open(settings.redis_url) as store,
        Bus.open(settings.nats_url, name) as bus,
        Argon2Hasher.open(rules) as hasher,
    ):
        yield Servers(database, store, bus, hasher)


def _assemble(settings: Settings, servers: Servers, clock: Clock) -> Parts:
    accounts, audit = PostgresAccounts(servers.database), PostgresAudit(servers.database)
    life = settings.access_token_seconds
    keys = KeyTable(servers.database, Vault(settings.encryption_key), clock, life)
    rules = TokenRules(settings.token_issuer, settings.token_audience, life, settings.key_rotation_seconds)
    mint = TokenMint(keys, rules, clock)
    revocations = RedisRevocations(servers.store, servers.bus, clock, max(life, KEPT_SECONDS))
    session_rules = SessionRules(
        settings.refresh_idle_seconds, settings.refresh_life_seconds, settings.refresh_grace_seconds
    )
    desk = SessionDesk(RedisSessions(servers.store, session_rules), revocations, mint, audit, clock)
    api_keys = ApiKeyDesk(
        PostgresApiKeys(servers.database),
        revocations,
        audit,
        clock,
        tier=settings.api_key_tier,
        most=settings.api_keys_per_user,
    )
    operator = Operator(accounts, servers.hasher, audit, clock)
    return Parts(accounts, audit, keys, mint, revocations, desk, api_keys, operator)


def _watch(runtime: Runtime, servers: Servers, parts: Parts) -> None:
    """Only the keys are critical: without any other part some calls still work, and no other replica does better."""
    runtime.health.add("keys", parts.mint.probe)
    runtime.health.add("postgres", servers.database.ping, critical=False)
    runtime.health.add("redis", servers.store.ping, critical=False)
    runtime.health.add("nats", servers.bus.ping, critical=False)


def _serve(settings: Settings, runtime: Runtime, handlers: AuthHandlers) -> None:
    runtime.serve(
        RpcServer(
            settings.port,
            register=[(add_AuthServiceServicer_to_server, handlers)],
            service_names=[DESCRIPTOR.services_by_name["AuthService"].full_name],
            health=runtime.health,
            host=settings.rpc_host,
        )
    )


async def _ensure_admin(operator: Operator, email: str, password: str, clock: Clock) -> None:
    while True:
        try:
            return await operator.ensure_admin(email, password)
        except Unavailable:
            await clock.sleep(RETRY_INTERVAL)


@asynccontextmanager
async def _open_tools(settings: Settings) -> AsyncIterator[commands.Tools]:
    """For one command; what it noted in the audit log is written before the end."""
    async with _open_servers(settings, "auth-operator") as servers:
        parts = _assemble(settings, servers, SystemClock())
        writing = asyncio.create_task(parts.audit.run())
        try:
            yield commands.Tools(
                parts.operator, parts.desk, parts.api_keys, parts.audit.read, lambda: parts.keys.load(period=0)
            )
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


def _command(meaning: str, run: Callable[[commands.Tools, Sequence[str]], Awaitable[int]]) -> Command[Settings]:
    async def call(settings: Settings, arguments: Sequence[str]) -> int:
        try:
            async with _open_tools(settings) as tools:
                return await run(tools, arguments)
        except CryptoVaultError as error:
            logger.error("%s", error.detail)
            return commands.FAILED

    return Command(meaning, call)


SERVICE = Service(
    name="auth",
    settings=Settings,
    wire=wire,
    migrations=Path(__file__).parent / "migrations",
    commands={
        "verify-email": _command("take the address of an account for verified: ADDRESS", commands.verify_email),
        "end-sessions": _command("sign an account out everywhere: ADDRESS", commands.end_sessions),
        "revoke-api-keys": _command("revoke all API keys of an account: ADDRESS", commands.revoke_api_keys),
        "set-api-key-tier": _command("let an API key draw on another budget: KEY-ID TIER", commands.set_api_key_tier),
        "rotate-keys": _command("make the next signing key now", commands.rotate_keys),
        "verify-audit": _command("check the chain of the audit log", commands.verify_audit),
    },
)
