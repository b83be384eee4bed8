"""Realtime nodes as processes of their own behind a balancer, and stock clients that find their way back."""

import asyncio
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import socketio
from cryptovault.realtime.v1.realtime_service_pb2_grpc import RealtimeServiceStub

from services.kit.testing import free_port
from tests.integration.realtime_node import is_ready, neighbours, token, until

SCRIPT = Path(__file__).parent / "socketio_client" / "crowd.mjs"


class Process:
    """A node in a process of its own."""

    def __init__(self, name: str, nats_url: str, address: str) -> None:
        self.name = name
        self.port, grpc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {
            "CV_NATS_URL": nats_url,
            "CV_REPLICA_ID": name,
            "CV_REALTIME_PORT": str(self.port),
            "CV_REALTIME_GRPC_PORT": str(grpc_port),
            "CV_AUTH_ADDRESS": address,
            "CV_PRICES_ADDRESS": address,
            "CV_REALTIME_DRAIN_SPREAD_SECONDS": "1",
        }
        command = [sys.executable, "-m", "services.realtime"]
        self.process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}")
        self.rpc: Any = RealtimeServiceStub(self.channel)

    async def end(self) -> None:
        self.process.kill()
        self.process.wait()
        await self.channel.close()


@asynccontextmanager
async def processes(nats_url: str, *names: str) -> AsyncIterator[list[Process]]:
    """Nodes that serve."""
    async with neighbours() as address:
        nodes = [Process(name, nats_url, address) for name in names]
        try:
            for node in nodes:
                await until(lambda url=node.url: is_ready(url))
            yield nodes
        finally:
            for node in nodes:
                await node.end()


class Balancer:
    """Connects each client to the next node that can be reached."""

    def __init__(self, nodes: Sequence[Process]) -> None:
        self._ports = [node.port for node in nodes]
        self._server: asyncio.Server | None = None
        self.url = ""

    async def __aenter__(self) -> "Balancer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._ports:
            port = self._ports.pop(0)
            self._ports.append(port)
            with suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
                return
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


class Crowd:
    """What clients live through, by user."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[int]] = defaultdict(list)  # of their events, in order
        self.nodes: dict[str, str] = {}  # where they are
        self.recoveries: dict[str, list[bool]] = defaultdict(list)

    def take(self, user: str, kind: str, value: Any) -> None:
        if kind == "order_filled":
            self.numbers[user].append(value)
        elif kind == "hello":
            self.nodes[user] = value[0]
            self.recoveries[user].append(value[1])
        elif kind == "disconnect":
            self.nodes.pop(user, None)


@asynccontextmanager
async def javascript_clients(crowd: Crowd, url: str, users: Sequence[str]) -> AsyncIterator[None]:
    """Stock JavaScript clients."""
    pipe, tokens = asyncio.subprocess.PIPE, [token(user) for user in users]
    process = await asyncio.create_subprocess_exec("node", str(SCRIPT), url, *tokens, stdin=pipe, stdout=pipe)

    async def read() -> None:
        async for line in process.stdout:
            index, kind, value = json.loads(line)
            crowd.take(users[index], kind, value)

    reading = asyncio.create_task(read())
    yield
    process.stdin.close()
    await process.wait()
    await reading


@asynccontextmanager
async def python_client(crowd: Crowd, url: str, user: str) -> AsyncIterator[None]:
    """A stock Python client, which returns the offset as docs/realtime.md says."""
    client = socketio.AsyncClient(reconnection_delay=0.2, reconnection_delay_max=1)
    state = {"token": token(user), "pid": user, "offset": None}

    async def remember(event: str, *arguments: Any) -> None:
        if event == "offset":
            state["offset"] = arguments[0]
        elif event == "hello":
            crowd.take(user, event, (arguments[0]["node"], arguments[0]["recovered"]))
        elif event == "order_filled":
            crowd.take(user, event, arguments[0]["n"])

    client.on("*", remember)
    client.on("disconnect", lambda reason: crowd.take(user, "disconnect", reason))
    await client.connect(url, auth=lambda: state, transports=["websocket"])
    yield
    await client.disconnect()
