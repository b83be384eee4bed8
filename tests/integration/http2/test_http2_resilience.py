"""What clients do to a server, by mistake or on purpose, and what the other streams and clients notice of it: nothing.

The letters are those of the table in docs/http2.md.
"""

import asyncio

import pytest

from tests.integration.http2.app import MEBIBYTE, App, is_served, wait_until
from tests.unit.gateway_http2.wire import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    GET,
    GOAWAY,
    NO_ERROR,
    POST,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Running,
    Wire,
    data,
    headers,
    path,
    reset,
)  # fmt: skip

pytestmark = pytest.mark.integration

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
    writer.write(b"GET / HTTP/1.1\r\nx-slow: ")
    drip = asyncio.create_task(trickle(writer))
    async with asyncio.timeout(5):
        answered = await reader.read()
    drip.cancel()
    assert answered.startswith(b"HTTP/1.1 408 ")


async def trickle(writer: asyncio.StreamWriter) -> None:
    for _ in range(100):
        writer.write(b"y")
        await asyncio.sleep(0.05)


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
