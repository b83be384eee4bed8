"""What a Socket.IO frame costs here, in python-socketio and in Node's socket.io, measured in one run.

    python -m bench.realtime [--sockets 500] [--seconds 5] [--write]

Each server is a process of its own with the same work (bench/realtime_parts); the clients are one compiled process, so
that they are not what is measured. Delay is from the making of a price to its arrival. With --write the table goes to
docs/benchmarks/realtime.md. Needs gcc, Node and npm (which fetches socket.io into .cache).
"""

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ROOT / "bench" / "realtime_parts"
CACHE = ROOT / ".cache" / "bench-realtime"
TABLE = ROOT / "docs" / "benchmarks" / "realtime.md"
SOCKETIO = "socket.io@4.8.3"
SUBSCRIBE = '420["subscribe",["prices"]]'
SERVERS = ("ours", "stock", "node")
NAMES = {"ours": "CryptoVault realtime", "stock": "python-socketio, aiohttp", "node": "Node socket.io"}
TICK = os.sysconf("SC_CLK_TCK")
WARMUP = 1.0  # seconds


@dataclass(frozen=True)
class Load:
    """What the clients do."""

    sockets: int
    hertz: float
    seconds: float
    symbols: int = 1
    slow: int = 0


@dataclass(frozen=True)
class Result:
    """What one server did under one load."""

    server: str
    load: Load
    connect_seconds: float
    frames_per_second: float
    cpu_cores: float
    kib_per_socket: float
    p50_ms: float
    p99_ms: float
    gone: int

    @property
    def microseconds_per_frame(self) -> float:
        """CPU of the server for each delivered frame."""
        return self.cpu_cores / self.frames_per_second * 1e6 if self.frames_per_second else 0.0


def main() -> None:
    """Measure, print, and write the table if asked to."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sockets", type=int, default=500)
    arguments.add_argument("--seconds", type=float, default=5.0)
    arguments.add_argument("--write", action="store_true")
    options = arguments.parse_args()
    generator = build()
    results = [
        measure(generator, server, load) for load in loads(options.sockets, options.seconds) for server in SERVERS
    ]
    slow = slow_clients(generator, options.sockets, options.seconds)
    text = report(results, slow)
    print(text)
    if options.write:
        TABLE.parent.mkdir(parents=True, exist_ok=True)
        TABLE.write_text(text)


def loads(sockets: int, seconds: float) -> list[Load]:
    """The loads that every server gets."""
    return [
        Load(sockets, 5, seconds),
        Load(sockets, 20, seconds),
        Load(2 * sockets, 5, seconds, symbols=20),
        Load(2 * sockets, 0, seconds),
    ]


def slow_clients(generator: Path, sockets: int, seconds: float) -> list[Result]:
    """Ours without slow clients, and with one in ten."""
    return [measure(generator, "ours", Load(sockets, 20, seconds, 20, slow)) for slow in (0, sockets // 10)]


def build() -> Path:
    """Compile the clients and fetch Node's server."""
    CACHE.mkdir(parents=True, exist_ok=True)
    generator = CACHE / "load"
    subprocess.run(["gcc", "-O2", "-o", generator, PARTS / "load.c"], check=True)
    if not (CACHE / "node_modules" / "socket.io").exists():
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(CACHE), SOCKETIO]
        subprocess.run(npm, check=True)
    (CACHE / "node.mjs").write_text((PARTS / "node.mjs").read_text())
    return generator


def measure(generator: Path, server: str, load: Load) -> Result:
    """Put one server under one load."""
    with serving(server, load) as (process, port):
        before, subscribe = resident(process.pid), SUBSCRIBE if server == "ours" else ""
        client = subprocess.Popen(
            [
                str(part)
                for part in (generator, "127.0.0.1", port, load.sockets, WARMUP, load.seconds, load.slow, subscribe)
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        connected = json.loads(client.stdout.readline())
        time.sleep(WARMUP)
        cpu, start = cpu_seconds(process.pid), time.monotonic()
        time.sleep(load.seconds * 0.9)
        used, after = (cpu_seconds(process.pid) - cpu) / (time.monotonic() - start), resident(process.pid)
        done = json.loads(client.stdout.readline())
        client.wait()
    return Result(
        server,
        load,
        connected["seconds"],
        done["frames"] / load.seconds,
        used,
        (after - before) / load.sockets,
        done["p50_ms"],
        done["p99_ms"],
        done["gone"],
    )


@contextmanager
def serving(server: str, load: Load) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server, as soon as it listens."""
    port = free_port()
    arguments = [str(port), str(load.hertz), str(load.symbols)]
    if server == "node":
        command = ["node", str(CACHE / "node.mjs"), *arguments]
    else:
        command = [sys.executable, "-m", "bench.realtime_parts.servers", server, *arguments]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        while not listens(port):
            if process.poll() is not None:
                raise RuntimeError(f"the server {server} did not start")
            time.sleep(0.05)
        time.sleep(0.3)
        yield process, port
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> float:
    """Resident memory of a process, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


def report(results: list[Result], slow: list[Result]) -> str:
    """The tables, with how they came about."""
    busy = [result for result in results if result.load.hertz]
    idle = [result for result in results if not result.load.hertz]
    return "\n".join(
        [
            "# Realtime: what a frame costs",
            "",
            conditions(),
            "",
            "| server | sockets × updates/s | prices each | frames/s | cores | CPU a frame | p50 | p99 |",
            "|---|---|---|---|---|---|---|---|",
            *(row(result) for result in busy),
            "",
            "Connected and silent:",
            "",
            "| server | sockets | all connected after | memory a socket | cores |",
            "|---|---|---|---|---|",
            *(idle_row(result) for result in idle),
            "",
            "One client in ten reads 5 KB/s; the others are measured:",
            "",
            "| slow clients | frames/s to the others | CPU a frame | p50 | p99 | cut off |",
            "|---|---|---|---|---|---|",
            *(slow_row(result) for result in slow),
            "",
        ]
    )


def conditions() -> str:
    """Where and how this was measured."""
    machine = (
        f"{os.cpu_count()} cores ({processor()}), Python {platform.python_version()}, {SOCKETIO.replace('@', ' ')}"
    )
    return (
        f"`make bench ARGS=realtime` on {machine}, {time.strftime('%Y-%m-%d')}. Clients (C, epoll) and server share "
        "the machine, and other work may run on it: compare rows, do not add them up. A price waits up to 6 ms in ours "
        "by design, so that those that come together leave together."
    )


def row(result: Result) -> str:
    """One line of the first table."""
    load = result.load
    columns = [
        NAMES[result.server],
        f"{load.sockets} × {load.hertz:g}",
        f"{load.symbols}",
        f"{result.frames_per_second:,.0f}",
        f"{result.cpu_cores:.2f}",
        f"{result.microseconds_per_frame:.1f} µs",
        f"{result.p50_ms:.1f} ms",
        f"{result.p99_ms:.1f} ms",
    ]
    return f"| {' | '.join(columns)} |"


def idle_row(result: Result) -> str:
    """One line of the second table."""
    return (
        f"| {NAMES[result.server]} | {result.load.sockets} | {result.connect_seconds:.2f} s | "
        f"{result.kib_per_socket:.1f} KiB | {result.cpu_cores:.3f} |"
    )


def slow_row(result: Result) -> str:
    """One line of the third table."""
    return (
        f"| {result.load.slow} of {result.load.sockets} | {result.frames_per_second:,.0f} | "
        f"{result.microseconds_per_frame:.1f} µs | {result.p50_ms:.1f} ms | {result.p99_ms:.1f} ms | {result.gone} |"
    )


def processor() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
