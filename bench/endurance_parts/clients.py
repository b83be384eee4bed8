"""Clients that behave as the standards say, and know of every request what has become of it."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset

PATIENCE = 15.0  # seconds for an answer
FRAME_HEAD, GOAWAY = 9, 7


class Lost(Exception):
    """A request that the server has taken and not answered."""


class Refused(Exception):
    """A request that the server has not taken: it may be asked again elsewhere."""


class Http2Client:
    """One HTTP/2 connection, by prior knowledge."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._port = port
        self._headers = list(headers.items())
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._statuses: dict[int, int] = {}
        self._last_taken = 2**31
        self._received = bytearray()
        self.closing = False  # the server takes no more

    async def connect(self) -> None:
        """Connect. Raises OSError."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._h2.initiate_connection()
        self._flush()
        self._reading = asyncio.create_task(self._read())

    async def request(self, method: str, path: str, body: bytes = b"", leave_after: float | None = None) -> int:
        """The status of the answer; 0 when the client has left after so many seconds. Raises Lost or Refused."""
        if self.closing or self._writer.is_closing():
            raise Refused
        stream = self._h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "localhost")]
        self._h2.send_headers(stream, pseudo + self._headers, end_stream=not body)
        if body:
            self._h2.send_data(stream, body, end_stream=True)
        answer = self._waiting[stream] = asyncio.get_running_loop().create_future()
        self._flush()
        try:
            async with asyncio.timeout(PATIENCE if leave_after is None else leave_after):
                return await answer
        except TimeoutError:
            if leave_after is None:
                raise Lost("no answer in time") from None
            with suppress(Exception):  # it may have ended in this very moment
                self._h2.reset_stream(stream, ErrorCodes.CANCEL)
                self._flush()
            return 0
        finally:
            self._waiting.pop(stream, None)

    async def close(self) -> None:
        """Leave."""
        self._writer.close()
        self._reading.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await self._reading

    async def _read(self) -> None:
        with suppress(OSError):
            while data := await self._reader.read(65536):
                self._received += data
                self._take_frames()
                self._flush()
        self.closing = True
        for stream in list(self._waiting):
            self._fail(stream, Lost("the connection ended") if stream <= self._last_taken else Refused())

    def _take_frames(self) -> None:
        """Past GOAWAY h2 would take nothing more, although the answers to what was asked before are still to come."""
        while len(self._received) >= FRAME_HEAD:
            end = FRAME_HEAD + int.from_bytes(self._received[:3], "big")
            if len(self._received) < end:
                return
            frame = bytes(self._received[:end])
            del self._received[:end]
            if frame[3] == GOAWAY:
                self._go_away(int.from_bytes(frame[FRAME_HEAD : FRAME_HEAD + 4], "big"))
            else:
                for event in self._h2.receive_data(frame):
                    self._handle(event)

    def _go_away(self, last_taken: int) -> None:
        self.closing = True
        self._last_taken = last_taken
        for stream in [stream for stream in self._waiting if stream > last_taken]:
            self._fail(stream, Refused())

    def _handle(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self._statuses[event.stream_id] = int(dict(event.headers)[":status"])
        elif isinstance(event, DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self._settle(event.stream_id, self._statuses.pop(event.stream_id, 0))
        elif isinstance(event, StreamReset):
            refused = event.error_code == ErrorCodes.REFUSED_STREAM
            self._fail(event.stream_id, Refused() if refused else Lost(f"reset with {event.error_code}"))

    def _settle(self, stream: int, status: int) -> None:
        answer = self._waiting.get(stream)
        if answer is not None and not answer.done():
            answer.set_result(status)

    def _fail(self, stream: int, error: Exception) -> None:
        answer = self._waiting.get(stream)
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self._writer.is_closing():
            self._writer.write(data)


class Http1Client:
    """One HTTP/1.1 connection, kept as long as the server keeps it."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._port = port
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = f"host: localhost\r\n{lines}"
        self.closing = False

    async def connect(self) -> None:
        """Connect. Raises OSError."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def request(self, method: str, path: str, body: bytes = b"", leave_after: float | None = None) -> int:
        """As Http2Client.request."""
        if self.closing:
            raise Refused
        length = f"content-length: {len(body)}\r\n" if body else ""
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}{length}\r\n".encode() + body)
        try:
            async with asyncio.timeout(PATIENCE if leave_after is None else leave_after):
                return await self._answer()
        except TimeoutError:
            self.closing = True
            self._writer.close()
            if leave_after is None:
                raise Lost("no answer in time") from None
            return 0
        except (OSError, asyncio.IncompleteReadError) as error:
            self.closing = True
            raise Lost(f"the connection ended: {error}") from None

    async def close(self) -> None:
        """Leave."""
        self._writer.close()

    async def _answer(self) -> int:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        await self._reader.readexactly(int(fields.get("content-length", 0)))
        self.closing = fields.get("connection") == "close"
        return int(head[9:12])


class Tally:
    """What became of all requests."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.refused = 0
        self.lost: Counter[str] = Counter()
        self.times: list[float] = []  # seconds, of those that were answered

    @property
    def answered(self) -> int:
        """Requests with an answer."""
        return self.statuses.total() - self.statuses[0]

    async def count(
        self,
        client: "Http2Client | Http1Client",
        method: str,
        path: str,
        body: bytes = b"",
        leave_after: float | None = None,
    ) -> None:
        """Ask, and note the outcome."""
        began = asyncio.get_running_loop().time()
        try:
            self.statuses[await client.request(method, path, body, leave_after)] += 1
            self.times.append(asyncio.get_running_loop().time() - began)
        except Lost as loss:
            self.lost[str(loss)] += 1
        except Refused:
            self.refused += 1
