"""RFC 9113 and RFC 7541 as a client may test them: what is to be accepted, and what each mistake leads to.

The areas are those of the h2spec suite: starting, streams, frames, messages, header compression.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.gateway_http2.wire import (
    ACK,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GET,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    POST,
    PRIORITIZED,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    Running,
    Wire,
    block,
    data,
    frame,
    headers,
    path,
    reset,
    serving,
    settings,
    window_update,
)  # fmt: skip

pytestmark = pytest.mark.integration

LARGEST = 2**31 - 1
SLOW = path("/slow")
SLOW_POST = path("/slow", POST)
FILLER = ("x-filler", "y" * 20)
BLOCK = block(GET)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body; answers /slow a little later."""
    if scope["type"] != "http":
        return
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.request":
        if scope["path"] == "/slow":
            await asyncio.sleep(0.3)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with serving(app) as running:
        yield running


@dataclass(frozen=True)
class Case:
    """What a client sends after the settings are exchanged."""

    section: str
    name: str
    sent: tuple[bytes, ...]
    codes: tuple[int, ...] = ()  # of the error that is to follow; none: the request on stream 1 is answered
    answered_first: bool = False  # everything but the first of `sent` waits for the answer to it

    def __str__(self) -> str:
        return f"{self.section} {self.name}"


def priority(depends_on: int, weight: int = 15, *, exclusive: bool = False) -> bytes:
    return (depends_on | (1 << 31 if exclusive else 0)).to_bytes(4, "big") + bytes((weight,))


def literal(first: int, name: bytes, value: bytes) -> bytes:
    return bytes((first, len(name))) + name + bytes((len(value),)) + value


ACCEPTED = [
    Case("4.1", "a GET request", (headers(1, GET),)),
    Case("4.1", "a HEAD request", (headers(1, [(":method", "HEAD"), *GET[1:]]),)),
    Case("4.1", "a POST request", (headers(1, POST, end=False), data(1, b"test", end=True))),
    Case("6.1", "several DATA frames", (headers(1, POST, end=False), data(1, b"te"), data(1, b"st", end=True))),
    Case("6.1", "an empty last DATA frame", (headers(1, POST, end=False), data(1, b"te"), data(1, b"", end=True))),
    Case("6.1", "a padded DATA frame", (
        headers(1, POST, end=False), frame(DATA, PADDED | END_STREAM, 1, b"\x05test" + bytes(5)))),
    Case("4.2", "a DATA frame of 2^14 octets", (headers(1, POST, end=False), data(1, bytes(2**14), end=True))),
    Case("8.1", "trailers", (headers(1, POST, end=False), data(1, b"test"), headers(1, [("x-sum", "1")]))),
    Case("6.2", "a padded HEADERS frame", (
        frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, b"\x03" + BLOCK + bytes(3)),)),
    Case("6.2", "a HEADERS frame with a priority", (
        frame(HEADERS, END_STREAM | END_HEADERS | PRIORITIZED, 1, priority(0) + BLOCK),)),
    Case("6.10", "one CONTINUATION frame", (
        frame(HEADERS, END_STREAM, 1, BLOCK[:5]), frame(CONTINUATION, END_HEADERS, 1, BLOCK[5:]))),
    Case("6.10", "two CONTINUATION frames", (
        frame(HEADERS, END_STREAM, 1, BLOCK[:2]), frame(CONTINUATION, 0, 1, BLOCK[2:6]),
        frame(CONTINUATION, END_HEADERS, 1, BLOCK[6:]))),
    Case("6.3", "PRIORITY of weight 1", (frame(PRIORITY, 0, 1, priority(0, 0)), headers(1, GET))),
    Case("6.3", "PRIORITY of weight 256", (frame(PRIORITY, 0, 1, priority(0, 255)), headers(1, GET))),
    Case("6.3", "PRIORITY with a dependency", (frame(PRIORITY, 0, 3, priority(1)), headers(1, GET))),
    Case("6.3", "exclusive PRIORITY", (frame(PRIORITY, 0, 1, priority(0, exclusive=True)), headers(1, GET))),
    Case("5.1", "PRIORITY on an idle stream, then a request on a lower one", (
        frame(PRIORITY, 0, 5, priority(1)), headers(1, GET))),
    Case("5.1", "PRIORITY on a half-closed stream", (headers(1, SLOW), frame(PRIORITY, 0, 1, priority(0)))),
    Case("5.1", "WINDOW_UPDATE on a half-closed stream", (headers(1, SLOW), window_update(1, 1))),
    Case("5.1", "PRIORITY on a closed stream", (headers(1, GET), frame(PRIORITY, 0, 1, priority(0)), headers(3, GET)),
         answered_first=True),
    Case("5.1", "WINDOW_UPDATE on a closed stream", (headers(1, GET), window_update(1, 1), headers(3, GET)),
         answered_first=True),
    Case("5.1", "RST_STREAM on a closed stream", (headers(1, GET), reset(1), headers(3, GET)), answered_first=True),
    Case("5.4.2", "RST_STREAM leaves the connection whole", (headers(3, SLOW), reset(3), headers(5, GET))),
    Case("7", "RST_STREAM with an unknown code", (headers(3, SLOW), reset(3, 0xFF), headers(5, GET))),
    Case("6.5", "SETTINGS of an unknown identifier", (settings({0xFF: 1}), headers(1, GET))),
    Case("6.5.2", "an initial window of 2^31-1", (settings({4: LARGEST}), headers(1, GET))),
    Case("6.5.2", "a header table of 0", (settings({1: 0}), headers(1, GET))),
    Case("6.9", "WINDOW_UPDATE for the connection", (window_update(0, 1), headers(1, GET))),
    Case("6.9", "WINDOW_UPDATE for a stream", (headers(1, GET), window_update(1, 1))),
    Case("4.1", "a frame of an unknown type", (frame(0x16, 0, 0, bytes(8)), headers(1, GET))),
    Case("5.5", "a frame of an unknown type on a stream", (headers(1, SLOW), frame(0xEE, 0xFF, 1, bytes(100)))),
    Case("4.1", "undefined flags of a PING", (frame(PING, 0x16, 0, bytes(8)), headers(1, GET))),
    Case("4.1", "the reserved bit of a stream identifier", (frame(PING, 0, 1 << 31, bytes(8)), headers(1, GET))),
    Case("6.7", "an unasked PING answer", (frame(PING, ACK, 0, bytes(8)), headers(1, GET))),
    Case("8.2.2", "te: trailers", (headers(1, [*GET, ("te", "trailers")]),)),
    Case("8.2.3", "cookies in crumbs", (headers(1, [*GET, ("cookie", "a=1"), ("cookie", "b=2")]),)),
    Case("8.3.1", "host instead of :authority", (headers(1, [*GET[:3], ("host", "localhost")]),)),
    Case("8.3.1", "OPTIONS *", (headers(1, [(":method", "OPTIONS"), *path("*")[1:]]),)),
    Case("8.3", "an unknown method", (headers(1, [(":method", "BREW"), *GET[1:]]),)),
    Case("8.1.1", "content-length that agrees", (
        headers(1, [*POST, ("content-length", "4")], end=False), data(1, b"test", end=True))),
]  # fmt: skip

HPACK_ACCEPTED = [
    Case("hpack 6.1", "indexed fields", (frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x01a"),)),
    *(
        Case(f"hpack {section}", f"literal {kind}, {how}", (frame(HEADERS, 5, 1, BLOCK + encoded),))
        for section, kind, user_agent, new in (
            ("6.2.1", "with indexing", b"\x7a", b"\x40"),
            ("6.2.2", "without indexing", b"\x0f\x2b", b"\x00"),
            ("6.2.3", "never indexed", b"\x1f\x2b", b"\x10"),
        )
        for how, encoded in (
            ("indexed name", user_agent + b"\x04test"),
            ("indexed name, Huffman", user_agent + b"\x83\x49\x50\x9f"),
            ("new name", new + b"\x04test\x04test"),
            ("new name, Huffman", new + b"\x83\x49\x50\x9f\x83\x49\x50\x9f"),
        )
    ),
    Case("hpack 6.3", "a table size update", (frame(HEADERS, 5, 1, b"\x20" + BLOCK),)),
    Case("hpack 6.3", "two table size updates", (frame(HEADERS, 5, 1, b"\x20\x3f\xe1\x1f" + BLOCK),)),
]  # fmt: skip

CONNECTION_ERRORS = [
    Case("4.2", "a HEADERS frame above the frame size", (
        frame(HEADERS, 5, 1, BLOCK + bytes(2**14)),), (FRAME_SIZE_ERROR,)),
    Case("4.3", "a broken header block", (frame(HEADERS, 5, 1, b"\x40"),), (COMPRESSION_ERROR,)),
    Case("4.3", "PRIORITY inside a header block", (
        frame(HEADERS, END_STREAM, 1, BLOCK), frame(PRIORITY, 0, 1, priority(0))), (PROTOCOL_ERROR,)),
    Case("4.3", "HEADERS of another stream inside a header block", (
        frame(HEADERS, END_STREAM, 1, BLOCK), headers(3, GET)), (PROTOCOL_ERROR,)),
    Case("5.5", "an unknown frame inside a header block", (
        frame(HEADERS, END_STREAM, 1, BLOCK), frame(0x16, 0, 0, bytes(8))), (PROTOCOL_ERROR,)),
    Case("5.1.1", "an even stream", (headers(2, GET),), (PROTOCOL_ERROR,)),
    Case("5.1.1", "a stream lower than the last", (headers(5, SLOW), headers(3, GET)), (PROTOCOL_ERROR, STREAM_CLOSED)),
    Case("5.1", "idle: DATA", (data(1, b"test", end=True),), (PROTOCOL_ERROR, STREAM_CLOSED)),
    Case("5.1", "idle: RST_STREAM", (reset(1),), (PROTOCOL_ERROR,)),
    Case("5.1", "idle: WINDOW_UPDATE", (window_update(1, 100),), (PROTOCOL_ERROR,)),
    Case("5.1", "idle: CONTINUATION", (frame(CONTINUATION, END_HEADERS, 1, BLOCK),), (PROTOCOL_ERROR,)),
    Case("5.1", "half-closed: CONTINUATION", (
        headers(1, SLOW), frame(CONTINUATION, END_HEADERS, 1, BLOCK)), (PROTOCOL_ERROR, STREAM_CLOSED)),
    Case("5.1", "closed: CONTINUATION", (
        headers(1, GET), frame(CONTINUATION, END_HEADERS, 1, BLOCK)), (PROTOCOL_ERROR, STREAM_CLOSED), True),
    Case("5.1", "closed: HEADERS", (headers(1, GET), headers(1, GET)), (PROTOCOL_ERROR, STREAM_CLOSED), True),
    Case("5.1", "reset by the client: CONTINUATION", (
        headers(1, SLOW_POST, end=False), reset(1), frame(CONTINUATION, END_HEADERS, 1, BLOCK)),
        (PROTOCOL_ERROR, STREAM_CLOSED)),
    Case("5.4.1", "a PING on a stream", (frame(PING, 0, 3, bytes(8)),), (PROTOCOL_ERROR,)),
    Case("6.1", "DATA on stream 0", (data(0, b"test"),), (PROTOCOL_ERROR,)),
    Case("6.1", "more padding than DATA", (
        headers(1, POST, end=False), frame(DATA, PADDED | END_STREAM, 1, b"\x06Test")), (PROTOCOL_ERROR,)),
    Case("6.2", "HEADERS on stream 0", (headers(0, GET),), (PROTOCOL_ERROR,)),
    Case("6.2", "more padding than HEADERS", (
        frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, bytes((len(BLOCK) + 2,)) + BLOCK),), (PROTOCOL_ERROR,)),
    Case("6.3", "PRIORITY on stream 0", (frame(PRIORITY, 0, 0, priority(1)),), (PROTOCOL_ERROR,)),
    Case("6.4", "RST_STREAM on stream 0", (reset(0),), (PROTOCOL_ERROR,)),
    Case("6.4", "RST_STREAM of 3 octets", (headers(1, SLOW), frame(RST_STREAM, 0, 1, bytes(3))), (FRAME_SIZE_ERROR,)),
    Case("6.5", "a SETTINGS answer with a payload", (frame(SETTINGS, ACK, 0, b"\x00"),), (FRAME_SIZE_ERROR,)),
    Case("6.5", "SETTINGS on a stream", (frame(SETTINGS, 0, 1, b"\x00\x03\x00\x00\x00\x64"),), (PROTOCOL_ERROR,)),
    Case("6.5", "SETTINGS of 3 octets", (frame(SETTINGS, 0, 0, bytes(3)),), (FRAME_SIZE_ERROR,)),
    Case("6.5.2", "ENABLE_PUSH of 2", (settings({2: 2}),), (PROTOCOL_ERROR,)),
    Case("6.5.2", "an initial window of 2^31", (settings({4: 2**31}),), (FLOW_CONTROL_ERROR,)),
    Case("6.5.2", "a frame size below 2^14", (settings({5: 2**14 - 1}),), (PROTOCOL_ERROR,)),
    Case("6.5.2", "a frame size of 2^24", (settings({5: 2**24}),), (PROTOCOL_ERROR,)),
    Case("8.4", "PUSH_PROMISE of a client", (
        headers(1, SLOW), frame(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4, "big") + BLOCK)), (PROTOCOL_ERROR,)),
    Case("6.7", "a PING of 6 octets", (frame(PING, 0, 0, bytes(6)),), (FRAME_SIZE_ERROR,)),
    Case("6.8", "GOAWAY on a stream", (frame(GOAWAY, 0, 1, bytes(8)),), (PROTOCOL_ERROR,)),
    Case("6.9", "WINDOW_UPDATE of 0 for the connection", (window_update(0, 0),), (PROTOCOL_ERROR,)),
    Case("6.9", "WINDOW_UPDATE of 3 octets", (frame(WINDOW_UPDATE, 0, 0, b"\x00\x00\x01"),), (FRAME_SIZE_ERROR,)),
    Case("6.9.1", "a connection window above 2^31-1", (
        window_update(0, LARGEST), window_update(0, LARGEST)), (FLOW_CONTROL_ERROR,)),
    Case("6.10", "DATA after CONTINUATION", (
        frame(HEADERS, 0, 1, BLOCK), frame(CONTINUATION, 0, 1, b""), data(1, b"test", end=True)), (PROTOCOL_ERROR,)),
    Case("6.10", "CONTINUATION on stream 0", (
        frame(HEADERS, END_STREAM, 1, BLOCK), frame(CONTINUATION, END_HEADERS, 0, b"")), (PROTOCOL_ERROR,)),
    Case("6.10", "CONTINUATION after the end of a header block", (
        headers(1, SLOW_POST, end=False), frame(CONTINUATION, END_HEADERS, 1, block([FILLER]))), (PROTOCOL_ERROR,)),
    Case("6.10", "CONTINUATION after DATA", (
        headers(1, SLOW_POST, end=False), data(1, b"test"), frame(CONTINUATION, 0, 1, block([FILLER]))),
        (PROTOCOL_ERROR,)),
    Case("hpack 2.3.3", "an index beyond the tables", (frame(HEADERS, 5, 1, b"\xc6" + BLOCK),), (COMPRESSION_ERROR,)),
    Case("hpack 2.3.3", "a name index beyond the tables", (
        frame(HEADERS, 5, 1, b"\x7f\x07\x04test" + BLOCK),), (COMPRESSION_ERROR,)),
    Case("hpack 4.2", "a table size update at the end", (
        frame(HEADERS, 5, 1, BLOCK + b"\x3f\x01"),), (COMPRESSION_ERROR,)),
    Case("hpack 5.1", "an integer without an end", (
        frame(HEADERS, 5, 1, b"\x7f" + b"\xff" * 20 + BLOCK),), (COMPRESSION_ERROR,)),
    Case("hpack 5.2", "Huffman padding of more than 7 bits", (
        frame(HEADERS, 5, 1, BLOCK + b"\x00\x04test\x84\x49\x50\x9f\xff"),), (COMPRESSION_ERROR,)),
    Case("hpack 5.2", "Huffman padding with zeros", (
        frame(HEADERS, 5, 1, BLOCK + b"\x00\x04test\x83\x49\x50\x90"),), (COMPRESSION_ERROR,)),
    Case("hpack 5.2", "the Huffman end symbol", (
        frame(HEADERS, 5, 1, BLOCK + b"\x00\x04test\x88\x49\x50\x9f\xff\xff\xff\xff\xff"),), (COMPRESSION_ERROR,)),
    Case("hpack 6.1", "index 0", (frame(HEADERS, 5, 1, b"\x80" + BLOCK),), (COMPRESSION_ERROR,)),
    Case("hpack 6.3", "a table size above the setting", (
        frame(HEADERS, 5, 1, b"\x3f\xe1\xff\x03" + BLOCK),), (COMPRESSION_ERROR,)),
]  # fmt: skip

WITHOUT = {name: [field for field in GET if field[0] != name] for name in (":method", ":scheme", ":path", ":authority")}
STREAM_ERRORS = [
    Case("4.2", "a DATA frame above the frame size", (
        headers(1, POST, end=False), data(1, bytes(2**14 + 1), end=True)), (FRAME_SIZE_ERROR,)),
    Case("5.1", "half-closed: DATA", (headers(1, SLOW), data(1, b"test", end=True)), (STREAM_CLOSED,)),
    Case("5.1", "half-closed: HEADERS", (headers(1, SLOW), headers(1, GET)), (STREAM_CLOSED,)),
    Case("6.1", "closed: DATA", (headers(1, GET), data(1, b"test", end=True)), (STREAM_CLOSED,), True),
    Case("5.1", "reset by its client: DATA", (
        headers(1, SLOW_POST, end=False), reset(1), data(1, b"test", end=True)), (STREAM_CLOSED,)),
    Case("5.1", "reset by its client: HEADERS", (headers(1, SLOW), reset(1), headers(1, GET)), (STREAM_CLOSED,)),
    Case("6.3", "PRIORITY of 4 octets", (
        headers(1, SLOW), frame(PRIORITY, 0, 1, b"\x80\x00\x00\x01")), (FRAME_SIZE_ERROR,)),
    Case("6.9", "WINDOW_UPDATE of 0 for a stream", (headers(1, SLOW), window_update(1, 0)), (PROTOCOL_ERROR,)),
    Case("6.9.1", "a stream window above 2^31-1", (
        headers(1, SLOW), window_update(1, LARGEST), window_update(1, LARGEST)), (FLOW_CONTROL_ERROR,)),
    Case("8.2.1", "a name in upper case", (
        frame(HEADERS, 5, 1, BLOCK + literal(0, b"X-Test", b"ok")),), (PROTOCOL_ERROR,)),
    Case("8.2.1", "a name with a space", (headers(1, [*GET, ("x test", "1")]),), (PROTOCOL_ERROR,)),
    Case("8.2.1", "a null byte in a value", (headers(1, [*GET, ("x-test", "a\0b")]),), (PROTOCOL_ERROR,)),
    Case("8.2.1", "a line break in a value", (headers(1, [*GET, ("x-test", "a\r\nb: c")]),), (PROTOCOL_ERROR,)),
    Case("8.2.1", "a space before a value", (headers(1, [*GET, ("x-test", " a")]),), (PROTOCOL_ERROR,)),
    Case("8.3", "an unknown pseudo-header", (headers(1, [*GET, (":test", "ok")]),), (PROTOCOL_ERROR,)),
    Case("8.3", "a pseudo-header of answers", (headers(1, [*GET, (":status", "200")]),), (PROTOCOL_ERROR,)),
    Case("8.3", "a pseudo-header in trailers", (
        headers(1, POST, end=False), data(1, b"test"), headers(1, [(":method", "GET")])), (PROTOCOL_ERROR,)),
    Case("8.1", "trailers that do not end the stream", (
        headers(1, POST, end=False), data(1, b"test"), headers(1, [("x-test", "1")], end=False)), (PROTOCOL_ERROR,)),
    Case("8.3", "a pseudo-header after a field", (
        headers(1, [*GET[:3], ("x-test", "ok"), GET[3]]),), (PROTOCOL_ERROR,)),
    *(
        Case("8.2.2", name, (headers(1, [*GET, (name, value)]),), (PROTOCOL_ERROR,))
        for name, value in (
            ("connection", "keep-alive"), ("keep-alive", "5"), ("proxy-connection", "close"), ("upgrade", "foo"),
            ("transfer-encoding", "chunked"), ("te", "trailers, deflate"),
        )
    ),
    Case("8.3.1", "an empty :path", (headers(1, path("")),), (PROTOCOL_ERROR,)),
    Case("8.3.1", "a :path without its slash", (headers(1, path("test")),), (PROTOCOL_ERROR,)),
    Case("8.3.1", "a :path with a space", (headers(1, path("/a b")),), (PROTOCOL_ERROR,)),
    *(
        Case("8.3.1", f"no {name}", (headers(1, WITHOUT[name]),), (PROTOCOL_ERROR,))
        for name in (":method", ":scheme", ":path")
    ),
    Case("8.3.1", "neither :authority nor host", (headers(1, WITHOUT[":authority"]),), (PROTOCOL_ERROR,)),
    *(
        Case("8.3.1", f"{name} twice", (headers(1, [(name, value), *GET]),), (PROTOCOL_ERROR,)) for name, value in GET
    ),
    Case("8.3.1", "user information in :authority", (
        headers(1, [*GET[:3], (":authority", "user@localhost")]),), (PROTOCOL_ERROR,)),
    Case("8.1.1", "content-length above the data", (
        headers(1, [*POST, ("content-length", "9")], end=False), data(1, b"test", end=True)), (PROTOCOL_ERROR,)),
    Case("8.1.1", "content-length below the data", (
        headers(1, [*POST, ("content-length", "1")], end=False), data(1, b"test", end=True)), (PROTOCOL_ERROR,)),
    Case("8.1.1", "content-length against several DATA frames", (
        headers(1, [*POST, ("content-length", "9")], end=False), data(1, b"te"), data(1, b"st", end=True)),
        (PROTOCOL_ERROR,)),
    *(
        Case("8.1.1", f"content-length {value!r}", (headers(1, [*GET, ("content-length", value)]),), (PROTOCOL_ERROR,))
        for value in ("+0", "0x0", "1_0", "", "0, 0")
    ),
    Case("8.1.1", "content-length twice", (
        headers(1, [*GET, ("content-length", "0"), ("content-length", "1")]),), (PROTOCOL_ERROR,)),
    Case("8.5", ":protocol without CONNECT", (headers(1, [(":protocol", "websocket"), *GET]),), (PROTOCOL_ERROR,)),
]  # fmt: skip


async def played(server: Running, case: Case) -> Wire:
    wire = await Wire.connect(server.port)
    if case.answered_first:
        wire.send(case.sent[0])
        await wire.answer(1)
        wire.send(*case.sent[1:])
    else:
        wire.send(*case.sent)
    return wire


@pytest.mark.parametrize("case", [*ACCEPTED, *HPACK_ACCEPTED], ids=str)
async def test_is_accepted(server: Running, case: Case) -> None:
    wire = await played(server, case)
    last = max(int.from_bytes(one[5:9], "big") for one in case.sent if one[3] == HEADERS)
    assert (await wire.answer(last))[0] == 200
    assert await wire.alive()


@pytest.mark.parametrize("case", CONNECTION_ERRORS, ids=str)
async def test_ends_the_connection(server: Running, case: Case) -> None:
    wire = await played(server, case)
    goaway = await wire.until(lambda frame: frame.kind == GOAWAY)
    assert goaway.code in case.codes
    await wire.until_closed(2.0)
    assert wire.closed


@pytest.mark.parametrize("case", STREAM_ERRORS, ids=str)
async def test_ends_the_stream_or_the_connection(server: Running, case: Case) -> None:
    wire = await played(server, case)
    error = await wire.until(lambda frame: frame.kind in (RST_STREAM, GOAWAY))
    assert error.code in case.codes
    assert error.kind == GOAWAY or await wire.alive()
