"""What clients do to a server, by mistake or on purpose, and what the other streams and clients notice of it: nothing.

The letters are those of the table in docs/http2.md.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.gateway.http2.limits import Limits
from tests.unit.gateway_http2.wire import (
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    ENHANCE_YOUR_CALM,
    GET,
    GOAWAY,
    HEADERS,
    NO_ERROR,
    PING,
    POST,
    PREFACE,
    PRIORITY,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Fields,
    Running,
    Wire,
    block,
    data,
    frame,
    headers,
    path,
    ping,
    reset,
    serving,
    settings,
    window_update,
)  # fmt: skip

pytestmark = pytest.mark.integration

FAST = Limits(header_timeout=0.3, idle_timeout=0.5, body_timeout=0.4, stall_timeout=0.4, minimum_rate=1000)
MEBIBYTE = 2**20


async def answer(send: Any, status: int, body: bytes = b"", more: Any = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class App:
    """An application with a route for each way to behave."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.disconnected = 0
        self.sent = 0
        self.read = 0
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.begun += 1
        route = getattr(self, scope["path"].strip("/") or "ping")
        try:
            await route(scope, receive, send)
        finally:
            self.ended += 1

    async def ping(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, b"pong")

    async def unauthorized(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a little later and reads nothing."""
        await asyncio.sleep(0.2)
        await answer(send, 401)

    async def wait(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers when it is told to, and says when the client has left."""
        message = await receive()
        gone = asyncio.ensure_future(receive())
        told = asyncio.ensure_future(self.go_on.wait())
        await asyncio.wait({gone, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if gone.done() and gone.result()["type"] == "http.disconnect":
            self.disconnected += 1
            return
        gone.cancel()
        await answer(send, 200, message.get("body", b""))

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected += 1
                return
            body += message["body"]
            self.read = len(body)
            more = message["more_body"]
        await answer(send, 200, str(len(body)).encode())

    async def lazy(self, scope: Any, receive: Any, send: Any) -> None:
        """Reads nothing before it is told to."""
        await self.go_on.wait()
        await self.echo(scope, receive, send)

    async def endless(self, scope: Any, receive: Any, send: Any) -> None:
        """Sends as fast as it may."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while self.sent < 64 * MEBIBYTE:
            await send({"type": "http.response.body", "body": bytes(10_000), "more_body": True})
            self.sent += 10_000
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def server(app: App) -> AsyncIterator[Running]:
    async with serving(app) as running:
        yield running


@pytest.fixture
async def impatient(app: App) -> AsyncIterator[Running]:
    async with serving(app, FAST) as running:
        yield running


async def wait_until(condition: Any, seconds: float = 3.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def is_served(port: int) -> bool:
    """Whether another client is answered, within a second."""
    wire = await Wire.connect(port)
    wire.send(headers(1, GET))
    async with asyncio.timeout(1):
        return await wire.answer(1) == (200, b"pong")


# The table


async def test_a_answer_before_many_data_frames_are_read_leaves_the_connection_whole(server: Running) -> None:
    wire = await Wire.connect(server.port)
    wire.send(headers(1, path("/unauthorized", POST), end=False), *(data(1, b"x" * 1000) for _ in range(30)))
    assert (await wire.answer(1))[0] == 401
    wire.send(headers(3, GET))
    assert await wire.answer(3, 1.0) == (200, b"pong")


async def test_b_late_data_breaks_no_sibling_and_the_upload_is_stopped_without_an_error(
    server: Running, app: App
) -> None:
    wire = await Wire.connect(server.port)
    wire.send(headers(1, path("/unauthorized", POST), end=False), headers(3, path("/wait")))
    assert (await wire.answer(1))[0] == 401
    stopped = await wire.until(lambda frame: frame.kind == RST_STREAM)
    wire.send(data(1, b"late"), data(1, b"later", end=True))
    app.go_on.set()
    assert await wire.answer(3) == (200, b"")
    assert (stopped.stream, stopped.code) == (1, NO_ERROR)
    assert await wire.alive()


async def test_c_one_connection_carries_as_many_requests_as_there_are(server: Running) -> None:
    wire = await Wire.connect(server.port)
    for first in range(1, 2400, 100):
        streams = range(first, first + 100, 2)
        wire.send(*(headers(stream, GET) for stream in streams))
        assert {(await wire.answer(stream))[0] for stream in streams} == {200}
    assert not [one for one in wire.frames if one.kind == GOAWAY]


async def test_d_a_stream_above_the_limit_is_refused_alone(server: Running, app: App) -> None:
    wire = await Wire.connect(server.port)
    limit = next(
        int.from_bytes(one.payload[at + 2 : at + 6], "big")
        for one in wire.frames
        if one.kind == SETTINGS
        for at in range(0, len(one.payload), 6)
        if one.payload[at : at + 2] == b"\x00\x03"
    )
    streams = range(1, 2 * limit, 2)
    wire.send(*(headers(stream, path("/wait")) for stream in streams), headers(2 * limit + 1, GET))
    refused = await wire.until(lambda frame: frame.kind == RST_STREAM)
    app.go_on.set()
    assert {(await wire.answer(stream))[0] for stream in streams} == {200}
    assert (refused.stream, refused.code) == (2 * limit + 1, REFUSED_STREAM)


async def test_r_rapid_resets_end_the_connection_and_the_applications_notice_few(server: Running, app: App) -> None:
    wire = await Wire.connect(server.port)
    for first in range(1, 3000, 100):
        wire.send(*(headers(one, path("/wait")) + reset(one) for one in range(first, first + 100, 2)))
    goaway = await wire.until(lambda frame: frame.kind == GOAWAY)
    assert goaway.code == ENHANCE_YOUR_CALM
    assert app.begun <= 1000
    assert await is_served(server.port)


async def test_f_a_body_that_does_not_come_is_given_up(impatient: Running, app: App) -> None:
    wire = await Wire.connect(impatient.port)
    wire.send(headers(1, path("/echo", POST), end=False), data(1, b"x"))
    given_up = await wire.until(lambda frame: frame.kind == RST_STREAM, 3.0)
    await wait_until(lambda: app.disconnected == 1)
    assert given_up.code == CANCEL
    assert await wire.alive()


async def test_h_a_head_of_http1_that_does_not_end_is_given_up(impatient: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", impatient.port)
    async with asyncio.timeout(3):
        for _ in range(100):
            writer.write(b"GET / HTTP/1.1\r\nx-slow: " if not _ else b"y")
            if reader.at_eof():
                break
            await asyncio.sleep(0.05)
    assert reader.at_eof()


@pytest.mark.parametrize(
    "lengths",
    ["content-length: 6\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 6"],
    ids=["length first", "coding first"],
)
async def test_i_two_lengths_of_one_body_are_refused(server: Running, lengths: str, app: App) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"POST / HTTP/1.1\r\nhost: a\r\n{lengths}\r\n\r\n0\r\n\r\nGET /echo HTTP/1.1\r\nhost: a\r\n\r\n".encode()
    )
    async with asyncio.timeout(3):
        answered = await reader.read()
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert answered.count(b"HTTP/1.1") == 1
    assert app.begun == 0


async def test_w_the_windows_are_wide(server: Running) -> None:
    wire = await Wire.connect(server.port)
    sent = next(one.payload for one in wire.frames if one.kind == SETTINGS)
    values = {sent[at : at + 2]: int.from_bytes(sent[at + 2 : at + 6], "big") for at in range(0, len(sent), 6)}
    grown = await wire.until(lambda frame: frame.kind == WINDOW_UPDATE and frame.stream == 0)
    assert values[b"\x00\x04"] == MEBIBYTE
    assert 65_535 + int.from_bytes(grown.payload, "big") == 8 * MEBIBYTE


# Floods


async def flood(port: int, first: list[bytes], frames: list[bytes], rounds: int) -> Wire:
    """Send frames until the server has enough, and read why."""
    wire = await Wire.connect(port)
    wire.send(*first)
    for _ in range(rounds):
        wire.send(*frames)
        try:
            await wire.writer.drain()
        except ConnectionError:
            break
    return wire


FLOODS = {
    "ping": ([], [ping()] * 100),
    "settings": ([], [settings({4: 100_000})] * 100),
    "priority": ([headers(1, path("/wait"))], [frame(PRIORITY, 0, 1, b"\x00\x00\x00\x00\x0f")] * 100),
    "window updates": ([headers(1, path("/wait"))], [window_update(1, 1)] * 100),
    "empty data": ([headers(1, path("/echo", POST), end=False)], [data(1, b"")] * 100),
    "unknown frames": ([], [frame(0xEE, 0, 0, b"")] * 100),
    "continuations": ([frame(HEADERS, 0, 1, block(GET))], [frame(CONTINUATION, 0, 1, b"")] * 100),
    "late resets": ([headers(1, path("/wait")), reset(1)], [reset(1)] * 100),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_ends_the_connection_and_nobody_else_notices(server: Running, kind: str) -> None:
    first, frames = FLOODS[kind]
    wire = await flood(server.port, first, frames, 100)
    goaway = await wire.until(lambda frame: frame.kind == GOAWAY)
    assert goaway.code == ENHANCE_YOUR_CALM
    assert await is_served(server.port)


async def test_resets_that_the_client_provokes_count_as_its_own(server: Running, app: App) -> None:
    """CVE-2025-8671: bodies belie their length, so that we reset streams while the application works."""
    wire = await Wire.connect(server.port)
    for first in range(1, 3000, 100):
        streams = range(first, first + 100, 2)
        belied = [*path("/wait", POST), ("content-length", "1")]
        wire.send(*(headers(one, belied, end=False) + data(one, b"xx") for one in streams))
        await asyncio.sleep(0)
    goaway = await wire.until(lambda frame: frame.kind == GOAWAY)
    assert goaway.code == ENHANCE_YOUR_CALM
    assert app.begun <= 1200


async def test_a_bomb_of_header_references_is_defused(server: Running) -> None:
    """One entry of 4,000 bytes in the table, named by one byte each: 64 MiB from 16 KiB (CVE-2016-6581)."""
    wire = await Wire.connect(server.port)
    entry = b"\x40\x01a\x7f" + bytes((0xA1, 0x1E)) + b"b" * 4000
    wire.send(frame(HEADERS, 5, 1, block(GET) + entry + b"\xbe" * 10_000))
    goaway = await wire.until(lambda frame: frame.kind == GOAWAY)
    assert goaway.code == ENHANCE_YOUR_CALM
    assert await is_served(server.port)


MANY_CRUMBS: Fields = [("cookie", f"c{number}=1") for number in range(300)]
REFUSED: dict[str, tuple[Fields, int]] = {
    "101 fields": ([*GET, *((f"x-{number}", "1") for number in range(100))], 431),
    "61 KiB of fields": ([*GET, ("x-large", "y" * 61 * 1024)], 431),
    "61 KiB of cookies": ([*GET, *(("cookie", "y" * 1000) for _ in range(62))], 431),
    "a name with an underscore": ([*GET, ("x_forwarded_for", "1.2.3.4")], 400),
    "host and authority that differ": ([*GET, ("host", "elsewhere")], 400),
    "a fragment in the path": (path("/ping#top"), 400),
    "another scheme": ([GET[0], (":scheme", "ftp"), *GET[2:]], 400),
    "CONNECT": ([(":method", "CONNECT"), (":authority", "localhost:25")], 501),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_could_be_misunderstood_is_refused_with_a_reason(server: Running, what: str, app: App) -> None:
    fields, status = REFUSED[what]
    wire = await Wire.connect(server.port)
    encoded = block(fields)
    pieces = [encoded[at : at + 16_000] for at in range(0, len(encoded), 16_000)]
    wire.send(frame(HEADERS, 1 | (END_HEADERS if len(pieces) == 1 else 0), 1, pieces[0]))
    for piece in pieces[1:]:
        wire.send(frame(CONTINUATION, END_HEADERS if piece is pieces[-1] else 0, 1, piece))
    answered, body = await wire.answer(1)
    assert (answered, wire.head(1)["content-type"]) == (status, "application/problem+json")
    assert b"detail" in body
    assert app.begun == 0
    wire.send(headers(3, GET))
    assert await wire.answer(3) == (200, b"pong")


async def test_a_refusal_of_what_was_taken_back_is_no_harm(server: Running) -> None:
    wire = await Wire.connect(server.port)
    wire.send(headers(1, [*GET, ("x_test", "1")]), reset(1), headers(3, GET))
    assert await wire.answer(3) == (200, b"pong")


async def test_crumbs_of_cookies_count_as_one_field(server: Running) -> None:
    wire = await Wire.connect(server.port)
    wire.send(headers(1, [*GET, *MANY_CRUMBS]))
    assert await wire.answer(1) == (200, b"pong")


# Clients that take their time


@pytest.mark.parametrize(
    "sent",
    [
        (PREFACE,),
        (PREFACE, settings({}), frame(HEADERS, 0, 1, block(GET))),
        (PREFACE, settings({}), headers(1, GET)[:-1]),
        (PREFACE, settings({}), headers(1, path("/wait")), headers(3, GET)[:-1]),
    ],
    ids=["no settings", "no continuation", "half a frame", "half a frame beside a request"],
)
async def test_a_header_block_that_does_not_end_is_given_up(impatient: Running, sent: tuple[bytes, ...]) -> None:
    wire = Wire(*await asyncio.open_connection("127.0.0.1", impatient.port))
    wire.polite = False
    wire.send(*sent)
    goaway = await wire.until(lambda frame: frame.kind == GOAWAY, 2.0)
    await wire.until_closed(2.0)
    assert goaway.code == ENHANCE_YOUR_CALM


async def test_a_drip_of_body_is_too_little(impatient: Running, app: App) -> None:
    wire = await Wire.connect(impatient.port)
    wire.send(headers(1, path("/echo", POST), end=False))

    async def drip() -> None:
        while True:
            wire.send(data(1, b"x"))
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    given_up = await wire.until(lambda frame: frame.kind == RST_STREAM, 3.0)
    dripping.cancel()
    assert given_up.code == CANCEL


async def test_who_waits_for_a_slow_application_is_not_hurried(impatient: Running, app: App) -> None:
    wire = await Wire.connect(impatient.port)
    wire.send(headers(1, path("/lazy", POST), end=False), data(1, b"x" * 1000), headers(3, path("/wait")))
    await asyncio.sleep(1.0)
    wire.send(data(1, b"", end=True))
    app.go_on.set()
    assert await wire.answer(1) == (200, b"1000")
    assert await wire.answer(3) == (200, b"")


async def test_a_window_that_stays_shut_costs_the_stream(impatient: Running) -> None:
    wire = await Wire.connect(impatient.port, {4: 0})
    wire.send(headers(1, GET))
    given_up = await wire.until(lambda frame: frame.kind == RST_STREAM, 3.0)
    assert (given_up.code, wire.body(1)) == (CANCEL, b"")
    assert await wire.alive()


async def test_a_connection_whose_window_stays_shut_is_closed(impatient: Running) -> None:
    """Without it not even the empty last frame of an early answer can be sent."""
    wire = await Wire.connect(impatient.port)
    wire.send(headers(1, path("/endless")), headers(3, path("/unauthorized", POST), end=False))
    await wire.until_closed(4.0)
    assert wire.closed


async def test_a_window_that_opens_by_drips_costs_the_stream(impatient: Running) -> None:
    wire = await Wire.connect(impatient.port, {4: 0})
    wire.send(headers(1, path("/endless")))

    async def drip() -> None:
        while True:
            wire.send(window_update(1, 1))
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    given_up = await wire.until(lambda frame: frame.kind == RST_STREAM, 3.0)
    dripping.cancel()
    assert given_up.code == CANCEL


async def test_who_reads_nothing_from_the_socket_loses_the_connection(impatient: Running, app: App) -> None:
    wire = await Wire.connect(impatient.port, {4: 2**31 - 1}, limit=1024)
    wire.send(window_update(0, 2**30), headers(1, path("/endless")))
    await wait_until(lambda: app.ended == 1, 10.0)
    assert app.sent < 32 * MEBIBYTE
    assert await is_served(impatient.port)


async def test_an_idle_connection_is_closed_in_two_steps(impatient: Running) -> None:
    wire = await Wire.connect(impatient.port)
    wire.send(headers(1, GET))
    await wire.answer(1)
    first = await wire.until(lambda frame: frame.kind == GOAWAY, 2.0)
    asked = await wire.until(lambda frame: frame.kind == PING)
    wire.send(frame(PING, 1, 0, asked.payload))
    last = await wire.until(lambda frame: frame.kind == GOAWAY and frame is not first)
    await wire.until_closed(1.0)
    assert [int.from_bytes(one.payload[:4], "big") for one in (first, last)] == [2**31 - 1, 1]
    assert (first.code, last.code) == (NO_ERROR, NO_ERROR)


# Fairness and backpressure


async def test_an_upload_waits_for_the_application_and_holds_up_nobody(server: Running, app: App) -> None:
    wire = await Wire.connect(server.port)
    wire.send(headers(1, path("/lazy", POST), end=False), *(data(1, bytes(16_384)) for _ in range(64)))
    wire.send(headers(3, GET))
    assert await wire.answer(3) == (200, b"pong")
    granted = [one for one in wire.frames if one.kind == WINDOW_UPDATE and one.stream == 1]
    app.go_on.set()
    await wire.until(lambda frame: frame.kind == WINDOW_UPDATE and frame.stream == 1)
    wire.send(data(1, b"", end=True))
    assert await wire.answer(1) == (200, str(MEBIBYTE).encode())
    assert granted == []


async def test_more_than_the_window_is_the_client_s_error(server: Running) -> None:
    wire = await Wire.connect(server.port)
    wire.send(headers(1, path("/lazy", POST), end=False), *(data(1, bytes(16_384)) for _ in range(65)))
    error = await wire.until(lambda frame: frame.kind in (GOAWAY, RST_STREAM))
    assert error.code == 3


async def test_an_application_waits_for_a_client_that_reads_slowly(server: Running, app: App) -> None:
    wire = await Wire.connect(server.port)
    wire.send(headers(1, path("/endless")))
    await wire.until(lambda frame: frame.kind == DATA)
    await asyncio.sleep(0.3)
    before = app.sent
    wire.send(headers(3, GET), window_update(0, MEBIBYTE))
    assert await wire.answer(3) == (200, b"pong")
    wire.send(window_update(1, 100_000))
    await wait_until(lambda: app.sent > before)
    assert before <= 65_535 + Limits().write_queue + 20_000


async def test_early_answers_leave_the_connection_s_window_open(server: Running) -> None:
    """What was uploaded in vain is not lost from the window of all: forty times 256 KiB are more than it holds."""
    wire = await Wire.connect(server.port)
    for stream in range(1, 80, 2):
        wire.send(headers(stream, path("/ping", POST), end=False), *(data(stream, bytes(16_384)) for _ in range(16)))
        await wire.answer(stream)
    wire.send(headers(81, path("/echo", POST), end=False), *(data(81, bytes(16_384)) for _ in range(60)))
    wire.send(data(81, b"", end=True))
    assert await wire.answer(81) == (200, str(60 * 16_384).encode())


async def test_a_client_that_leaves_is_told_to_the_applications(server: Running, app: App) -> None:
    wire = await Wire.connect(server.port)
    wire.send(headers(1, path("/wait")), headers(3, path("/wait")))
    await wait_until(lambda: app.begun == 2)
    wire.send(reset(1))
    await wait_until(lambda: app.disconnected == 1)
    await wire.close()
    await wait_until(lambda: app.disconnected == 2)
    assert app.ended == 2


async def test_an_endless_answer_ends_with_its_client(server: Running, app: App) -> None:
    wire = await Wire.connect(server.port, {4: 2**31 - 1})
    wire.send(window_update(0, 2**30), headers(1, path("/endless")))
    await wire.until(lambda frame: frame.kind == DATA)
    await wire.close()
    await wait_until(lambda: app.ended == 1)
    assert app.sent < 64 * MEBIBYTE


async def test_a_crowd_of_requests_does_not_stop_the_other_clients(server: Running) -> None:
    crowd = await Wire.connect(server.port)
    crowd.send(*(headers(stream, GET) for stream in range(1, 401, 2)))
    assert await is_served(server.port)
    assert (await crowd.answer(399))[0] == 200


async def test_garbage_of_all_kinds_leaves_the_server_standing(server: Running) -> None:
    for _ in range(30):
        wire = await Wire.connect(server.port)
        wire.send(headers(1, path("/wait")), os.urandom(2000))
        await wire.close()
    assert await is_served(server.port)


# The end


@pytest.fixture
async def patient(app: App) -> AsyncIterator[Running]:
    async with serving(app, graceful_timeout=2.0) as running:
        yield running


async def test_the_end_of_the_server_loses_no_request(patient: Running, app: App) -> None:
    wire = await Wire.connect(patient.port)
    wire.send(headers(1, path("/wait")))
    await wait_until(lambda: app.begun == 1)
    patient.stop.set()
    notice = await wire.until(lambda frame: frame.kind == GOAWAY)
    wire.send(headers(3, path("/wait")))  # was on its way
    asked = await wire.until(lambda frame: frame.kind == PING)
    wire.send(frame(PING, 1, 0, asked.payload))
    last = await wire.until(lambda frame: frame.kind == GOAWAY and frame is not notice)
    app.go_on.set()
    assert [await wire.answer(1), await wire.answer(3)] == [(200, b""), (200, b"")]
    await wire.until_closed(2.0)
    assert [int.from_bytes(one.payload[:4], "big") for one in (notice, last)] == [2**31 - 1, 3]


async def test_what_is_in_flight_may_end_before_a_client_hears_of_the_end(patient: Running, app: App) -> None:
    """Some clients take GOAWAY for a failure of all their requests."""
    wire = await Wire.connect(patient.port)
    wire.send(headers(1, path("/wait")))
    await wait_until(lambda: app.begun == 1)
    patient.stop.set()
    app.go_on.set()
    assert await wire.answer(1) == (200, b"")
    await wire.until(lambda frame: frame.kind == GOAWAY)
    assert [one.kind for one in wire.frames].index(GOAWAY) > [one.stream for one in wire.frames].index(1)


async def test_the_end_of_the_server_does_not_wait_for_ever(server: Running, app: App) -> None:
    wire = await Wire.connect(server.port)
    wire.send(headers(1, path("/wait")))
    await wait_until(lambda: app.begun == 1)
    server.stop.set()
    await wire.until_closed(3.0)
    await asyncio.wait_for(server.task, 1.0)
    assert wire.closed


async def test_a_client_may_have_only_so_many_connections(app: App) -> None:
    async with serving(app, Limits(connections_per_client=2)) as server:
        wires = [await Wire.connect(server.port) for _ in range(2)]
        with pytest.raises(ConnectionError):
            await Wire.connect(server.port)
        await wires[0].close()
        await asyncio.sleep(0.05)
        assert await is_served(server.port)
