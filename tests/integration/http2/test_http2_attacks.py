"""Floods, bombs and ambiguous requests: the engine refuses them, and nobody else notices."""

import asyncio

import pytest

from tests.integration.http2.app import App, is_served
from tests.unit.gateway_http2.wire import (
    CONTINUATION,
    END_HEADERS,
    ENHANCE_YOUR_CALM,
    GET,
    GOAWAY,
    HEADERS,
    POST,
    PRIORITY,
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
    settings,
    window_update,
)  # fmt: skip

pytestmark = pytest.mark.integration

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
