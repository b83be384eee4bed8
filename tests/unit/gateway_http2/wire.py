"""An HTTP/2 client that sends exactly the frames it is told to, and a server to send them to."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import hpack
from hypercorn.asyncio.run import worker_serve
from hypercorn.config import Config
from hypercorn.utils import wrap_app

from services.gateway.certificate import Certificate
from services.gateway.http2.limits import Limits
from services.gateway.http2.serving import serve
from services.kit.testing import free_port

ENGINE = os.environ.get("CV_GATEWAY_HTTP2_ENGINE", "ngh2")  # `hypercorn` runs the same tests against the stock engine

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITIZED = 0x4, 0x8, 0x20
(
    NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
    REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
) = range(12)  # fmt: skip

Fields = list[tuple[str, str]]

GET: Fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "localhost")]
POST: Fields = [(":method", "POST"), *GET[1:]]


class Frame(NamedTuple):
    """A frame as it arrived."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of RST_STREAM and GOAWAY."""
        return int.from_bytes(self.payload[4:8] if self.kind == GOAWAY else self.payload, "big")


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Any frame, right or wrong."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def block(fields: Iterable[tuple[Any, Any]]) -> bytes:
    """A header block that refers to no earlier one."""
    return hpack.Encoder().encode(list(fields))


def headers(stream: int, fields: Iterable[tuple[Any, Any]], *, end: bool = True) -> bytes:
    """A whole header block in one frame."""
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(fields))


def path(target: str, fields: Fields = GET) -> Fields:
    """The fields with another path."""
    return [(name, target if name == ":path" else value) for name, value in fields]


def data(stream: int, payload: bytes, *, end: bool = False) -> bytes:
    return frame(DATA, END_STREAM if end else 0, stream, payload)


def settings(values: dict[int, int]) -> bytes:
    return frame(
        SETTINGS, 0, 0, b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in values.items())
    )


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


def reset(stream: int, code: int = CANCEL) -> bytes:
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def ping(payload: bytes = b"wireping") -> bytes:
    return frame(PING, 0, 0, payload)


class Wire:
    """The client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames: list[Frame] = []
        self.closed = False
        self.polite = True  # acknowledges settings
        self._decoder = hpack.Decoder()
        self._decoded: dict[int, dict[str, str]] = {}
        self.informed: list[tuple[int, dict[str, str]]] = []
        self.trailers: dict[int, dict[str, str]] = {}

    @classmethod
    async def connect(
        cls, port: int, values: dict[int, int] | None = None, *, tls: ssl.SSLContext | None = None, limit: int = 2**16
    ) -> "Wire":
        """Connect, exchange settings and wait until ours are acknowledged."""
        wire = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls, limit=limit))
        wire.send(PREFACE, settings(values or {}))
        await wire.until(lambda frame: frame.kind == SETTINGS and bool(frame.flags & ACK))
        return wire

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def until(self, wanted: Callable[[Frame], bool], seconds: float = 5.0) -> Frame:
        """The first frame of all that is wanted. Raises ConnectionError when the server closes before it comes."""
        for seen in self.frames:
            if wanted(seen):
                return seen
        async with asyncio.timeout(seconds):
            while True:
                received = await self._read()
                if wanted(received):
                    return received

    async def until_closed(self, seconds: float = 5.0) -> None:
        """Read to the end."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self._read()
        except ConnectionError:
            return

    async def alive(self) -> bool:
        """Whether the server answers a ping."""
        mark = os.urandom(8)
        self.send(ping(mark))
        try:
            await self.until(lambda frame: frame.kind == PING and frame.payload == mark)
        except ConnectionError:
            return False
        return True

    async def answer(self, stream: int, seconds: float = 5.0) -> tuple[int, bytes]:
        """Status and body of an answer that has ended."""
        await self.until(lambda frame: frame.stream == stream and ends(frame), seconds)
        return self.status(stream), self.body(stream)

    async def begun(self, stream: int, seconds: float = 5.0) -> int:
        """The status of an answer, once there is one."""
        await self.until(lambda frame: frame.stream == stream and stream in self._decoded, seconds)
        return self.status(stream)

    def status(self, stream: int) -> int:
        return int(self._decoded[stream][":status"])

    def head(self, stream: int) -> dict[str, str]:
        return self._decoded[stream]

    def body(self, stream: int) -> bytes:
        return b"".join(one.payload for one in self.frames if one.kind == DATA and one.stream == stream)

    def resets(self) -> dict[int, int]:
        """The code of every stream that the server has reset."""
        return {one.stream: one.code for one in self.frames if one.kind == RST_STREAM}

    async def close(self) -> None:
        self.writer.close()

    async def _read(self) -> Frame:
        try:
            head = await self.reader.readexactly(9)
            payload = await self.reader.readexactly(int.from_bytes(head[:3], "big"))
        except (asyncio.IncompleteReadError, OSError):
            self.closed = True
            raise ConnectionError("the server has closed the connection") from None
        received = Frame(head[3], head[4], int.from_bytes(head[5:], "big"), payload)
        self._note(received)
        self.frames.append(received)
        return received

    def _note(self, received: Frame) -> None:
        if received.kind == SETTINGS and not received.flags & ACK and self.polite:
            self.send(frame(SETTINGS, ACK))
        if received.kind == HEADERS:
            fields = {str(name): str(value) for name, value in self._decoder.decode(received.payload)}
            if ":status" not in fields:
                self.trailers[received.stream] = fields
            elif fields[":status"].startswith("1"):
                self.informed.append((received.stream, fields))
            else:
                self._decoded[received.stream] = fields


def ends(received: Frame) -> bool:
    return received.kind in (DATA, HEADERS) and bool(received.flags & END_STREAM)


@asynccontextmanager
async def serving(
    app: Any, limits: Limits | None = None, *, certificate: Certificate | None = None, **options: Any
) -> AsyncIterator["Running"]:
    """A server that listens, with its time-outs looked at often."""
    config, running = Config(), Running(free_port(), asyncio.Event())
    config.bind, config.include_server_header, config.errorlog = [f"127.0.0.1:{running.port}"], False, None
    config.graceful_timeout = 0.2
    if certificate is not None:
        config.certfile, config.keyfile = str(certificate.chain), str(certificate.key)
    for name, value in options.items():
        setattr(config, name, value)
    sockets = config.create_sockets()
    for sock in (*sockets.secure_sockets, *sockets.insecure_sockets):
        sock.listen(config.backlog)
    if ENGINE == "ngh2":
        fast = replace(limits or Limits(), tick=0.05, goaway_delay=0.1)
        work = serve(app, config, sockets=sockets, shutdown_trigger=running.stop.wait, limits=fast)
    else:
        work = worker_serve(wrap_app(app, 0, "asgi"), config, sockets=sockets, shutdown_trigger=running.stop.wait)
    running.task = asyncio.create_task(work)
    try:
        yield running
    finally:
        running.stop.set()
        await asyncio.wait({running.task}, timeout=3)
        running.task.cancel()


class Running:
    """A server under test."""

    task: "asyncio.Task[None]"

    def __init__(self, port: int, stop: asyncio.Event) -> None:
        self.port, self.stop = port, stop
