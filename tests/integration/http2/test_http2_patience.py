"""Clients that take their time, and the end of the server."""

import asyncio

import pytest

from tests.integration.http2.app import MEBIBYTE, App, is_served, wait_until
from tests.unit.gateway_http2.wire import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    GET,
    GOAWAY,
    HEADERS,
    NO_ERROR,
    PING,
    POST,
    PREFACE,
    RST_STREAM,
    Running,
    Wire,
    block,
    data,
    frame,
    headers,
    path,
    settings,
    window_update,
)  # fmt: skip

pytestmark = pytest.mark.integration

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
