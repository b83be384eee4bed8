"""Readiness checks: each takes a port of this machine, returns when what listens there works, raises otherwise."""

import asyncio
import json
import urllib.error
import urllib.request

import asyncpg
import grpc
from grpc_health.v1 import health_pb2

HOST = "127.0.0.1"
ATTEMPT = 2.0  # seconds one attempt may take


class NotReady(Exception):
    """It answers, but not yet as it should; the text says what is missing."""


async def listening(port: str) -> None:
    """Something accepts connections."""
    _, writer = await asyncio.open_connection(HOST, int(port))
    writer.close()


async def valkey(port: str) -> None:
    """PING is answered, which it isn't while the append-only file is being read."""
    answer = await _first_line(port, b"PING\r\n")
    if not answer.startswith(b"+PONG"):
        raise NotReady(answer.decode(errors="replace").strip())


async def nats(port: str) -> None:
    """The server introduces itself, with JetStream switched on."""
    greeting = await _first_line(port, b"")
    if not json.loads(greeting.removeprefix(b"INFO ")).get("jetstream"):
        raise NotReady("JetStream is off")


async def postgres(port: str) -> None:
    """The database answers a query."""
    connection = await asyncpg.connect(
        host=HOST, port=int(port), user="postgres", database="cryptovault", timeout=ATTEMPT, ssl=False
    )
    try:
        await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


async def grpc_health(port: str) -> None:
    """The service says SERVING for itself as a whole (grpc.health.v1)."""
    async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = await check(health_pb2.HealthCheckRequest(), timeout=ATTEMPT)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise NotReady("says it is not serving")


async def gateway(port: str) -> None:
    """/health says ok and there are prices to show."""
    health = json.loads(await http_get(port, "/health"))
    if health.get("status") != "ok":
        unwell = [name for name, part in health.get("components", {}).items() if part.get("status") != "ok"]
        raise NotReady(f"not well: {', '.join(unwell) or health.get('status')}")
    if not json.loads(await http_get(port, "/api/prices")).get("prices"):
        raise NotReady("no prices yet")


async def http_get(port: str, path: str) -> bytes:
    """The body of a page of this machine, whatever its status."""
    return await asyncio.to_thread(_fetch, f"http://{HOST}:{port}{path}")


def _fetch(url: str) -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=ATTEMPT) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        return bytes(error.read())


async def _first_line(port: str, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, int(port))
    try:
        writer.write(request)
        return await reader.readline()
    finally:
        writer.close()
