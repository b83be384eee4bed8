"""Fairness and backpressure between streams and clients, and the end of the server."""

import asyncio
import os

import pytest

from services.gateway.http2.limits import Limits
from tests.integration.http2.app import MEBIBYTE, App, is_served, wait_until
from tests.unit.gateway_http2.wire import (
    DATA,
    GET,
    GOAWAY,
    PING,
    POST,
    PREFACE,
    RST_STREAM,
    WINDOW_UPDATE,
    Running,
    Wire,
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


@pytest.mark.parametrize(
    "request_bytes", [b"GET /ping HTTP/1.1\r\nhost: a\r\n\r\n", PREFACE + settings({}) + headers(1, GET)]
)
async def test_who_has_just_come_in_at_the_end_is_still_answered(patient: Running, request_bytes: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", patient.port)
    await asyncio.sleep(0.05)
    patient.stop.set()
    await asyncio.sleep(0.02)
    writer.write(request_bytes)
    async with asyncio.timeout(5):
        answered = await reader.read()
    writer.close()
    assert b"pong" in answered


async def test_who_says_nothing_does_not_hold_up_the_end(patient: Running) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", patient.port)
    await asyncio.sleep(0.05)
    patient.stop.set()
    ended, _ = await asyncio.wait([patient.task], timeout=2.0)
    writer.close()
    assert ended == {patient.task}


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
