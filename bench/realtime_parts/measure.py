"""One server under one load: what it costs, and how late its prices are."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.gateway_parts.processes import Running, running
from bench.realtime_parts import feed
from bench.realtime_parts.build import CACHE

NAMES = {
    "ours": "CryptoVault realtime",
    "stock": "python-socketio, aiohttp",
    "node": "Node socket.io",
    "floor": "send() in C, nothing else",
}
KEPT = 3.0  # seconds after the last client has connected: its subscription is served by then
NOTHING: Mapping[str, str] = {}
UNLIMITED = {"CV_REALTIME_MESSAGES_PER_SECOND": "1000"}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the clients and the feed do."""

    sockets: int
    seconds: float
    hertz: float = 0.0  # rounds of prices; 0 is silence
    symbols: int = 1
    steady: float = 0.0  # prices a second, instead of rounds
    apart: bool = False  # a channel for each symbol instead of one for all
    slow: int = 0
    field: str = "published_at"  # whose age is the delay
    storm: bool = False
    warmup: float = KEPT


@dataclass(frozen=True)
class Result:
    """What one server did under one load."""

    server: str
    connect_seconds: float
    frames_per_second: float
    values_per_second: float  # fields whose age is the delay
    cores: float
    kernel_cores: float  # the part of it that was used in the kernel
    kib_per_socket: float
    peak_mib: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    gone: int
    joined: int
    retries: int
    stall_ms: float  # of the event loop; of ours in a storm only
    held_ms: float

    def per_frame(self, cores: float) -> float:
        """Microseconds for each delivered frame."""
        return cores / self.frames_per_second * 1e6 if self.frames_per_second else 0.0


@dataclass(frozen=True)
class Place:
    """Where servers listen and write."""

    first_port: int
    folder: Path

    @property
    def port(self) -> int:
        """Of the first server."""
        return self.first_port + 10


async def measure(
    place: Place, server: str, load: Load, cores: Sequence[int | None] = (None,), settings: Mapping[str, str] = NOTHING
) -> Result:
    """Put one server, or for each core one node of ours, under one load."""
    async with serving(place, server, load, cores, settings) as servers:
        empty = sum(map(resident, servers))
        client = await _clients(place, load, len(servers), server)
        connected = await _line(client)
        await asyncio.sleep(load.warmup)
        cpu, kernel = _cpu(servers), _kernel(servers)
        begin, first = asyncio.get_running_loop().time(), len(_stalls(place, servers))
        peak = await _watch(client, servers, load.seconds * 0.9)
        passed = asyncio.get_running_loop().time() - begin
        used, in_kernel = (_cpu(servers) - cpu) / passed, (_kernel(servers) - kernel) / passed
        full = sum(map(resident, servers))
        done = await _line(client)
        await client.wait()
        stalls = _stalls(place, servers)[first:] if server == "ours" else []
    return Result(
        server=server,
        connect_seconds=connected["seconds"],
        frames_per_second=done["frames"] / load.seconds,
        values_per_second=done["values"] / load.seconds,
        cores=used,
        kernel_cores=in_kernel,
        kib_per_socket=(full - empty) / load.sockets / 1024,
        peak_mib=(peak - empty) / 2**20,
        **{name: done[name] for name in ("p50_ms", "p99_ms", "max_ms", "gone", "joined", "retries")},
        stall_ms=max((line["stall_ms"] for line in stalls), default=0.0),
        held_ms=max((line["held_ms"] for line in stalls), default=0.0),
    )


@asynccontextmanager
async def serving(
    place: Place, server: str, load: Load, cores: Sequence[int | None], settings: Mapping[str, str]
) -> AsyncIterator[list[Running]]:
    """Servers, as soon as they listen, and for ours the feed."""
    arguments = [str(place.port), str(load.hertz), str(load.symbols)]
    commands = {
        "floor": [str(CACHE / "floor"), *arguments],
        "node": ["node", str(CACHE / "node.mjs"), *arguments],
        "stock": [sys.executable, "-m", "bench.realtime_parts.stock", *arguments],
    }
    async with AsyncExitStack() as stack:
        if server in commands:
            log = place.folder / f"{server}.log"
            one = await stack.enter_async_context(running(commands[server], log, core=cores[0]))
            await one.until_listening(place.port)
            yield [one]
            return
        bus, found = await stack.enter_async_context(feed.neighbours(place.first_port, place.folder))
        rates = {f"CV_REALTIME_{name}_HZ": str(min(max(load.hertz, 1), 100)) for name in ("PRICES", "SYMBOL")}
        yield [
            await node(stack, place, number, {**found, **rates, **UNLIMITED, **settings}, core, watched=load.storm)
            for number, core in enumerate(cores)
            if number or _feed(stack, bus, load)
        ]


async def node(
    stack: AsyncExitStack,
    place: Place,
    number: int,
    settings: dict[str, str],
    core: int | None = None,
    *,
    watched: bool = False,
) -> Running:
    """A node of ours. Watching its event loop costs 2 % of a core, so that is done only where the result is wanted."""
    port = place.port + number
    own = {
        "CV_REALTIME_HOST": "127.0.0.1",
        "CV_REALTIME_PORT": str(port),
        "CV_REALTIME_GRPC_PORT": str(place.first_port + 30 + number),
        "CV_REPLICA_ID": f"node-{number}",
    }
    command = [sys.executable, "-m", "bench.realtime_parts.node" if watched else "services.realtime"]
    log = place.folder / f"node-{number}.log"
    one = await stack.enter_async_context(running(command, log, env=settings | own, core=core))
    await one.until_listening(port)
    await asyncio.sleep(1.0)  # NATS, and the keys of tokens
    return one


def _feed(stack: AsyncExitStack, bus: feed.Bus, load: Load) -> bool:
    if load.hertz or load.steady:
        prices = (
            feed.steady(bus, load.symbols, load.steady) if load.steady else feed.rounds(bus, load.symbols, load.hertz)
        )
        stack.callback(asyncio.ensure_future(prices).cancel)
    return True


async def _clients(place: Place, load: Load, servers: int, server: str) -> asyncio.subprocess.Process:
    channels = [f"prices:S{number:03d}-USD" for number in range(load.symbols)] if load.apart else ["prices"]
    subscribe = "" if server == "floor" else f"420{json.dumps(['subscribe', channels], separators=(',', ':'))}"
    ports = ",".join(str(place.port + number) for number in range(servers))
    seconds = 60 if load.storm else load.seconds
    numbers = (ports, load.sockets, load.warmup, seconds, load.slow, subscribe, load.field, int(load.storm))
    return await asyncio.create_subprocess_exec(
        CACHE / "load", *map(str, numbers), stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )


async def _line(client: asyncio.subprocess.Process) -> dict[str, float]:
    assert client.stdout is not None
    found: dict[str, float] = json.loads(await client.stdout.readline())
    return found


async def _watch(client: asyncio.subprocess.Process, servers: list[Running], seconds: float) -> float:
    """The most memory that the servers hold in the time, or until the clients are done."""
    peak, end = 0.0, asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end and client.returncode is None:
        peak = max(peak, sum(map(resident, servers)))
        await asyncio.sleep(0.5)
    return peak


def resident(server: Running) -> float:
    """Resident memory of a process, in bytes."""
    return float(psutil.Process(server.pid).memory_info().rss)


def _cpu(servers: list[Running]) -> float:
    return sum(server.cpu_seconds() for server in servers)


def _kernel(servers: list[Running]) -> float:
    return sum(server.kernel_seconds() for server in servers)


def _stalls(place: Place, servers: list[Running]) -> list[dict[str, float]]:
    logs = [place.folder / f"node-{number}.log" for number in range(len(servers))]
    lines = [line for log in logs if log.exists() for line in log.read_text().splitlines()]
    return [json.loads(line) for line in lines if line.startswith('{"stall_ms"') and line.endswith("}")]
