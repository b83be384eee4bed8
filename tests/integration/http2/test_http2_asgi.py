"""What an ASGI application sees of HTTP/2, and what its clients see of it."""

import asyncio
import logging
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.gateway.certificate import development_certificate
from tests.integration.http2.app import asked
from tests.unit.gateway_http2.wire import (
    DATA,
    GET,
    HEADERS,
    INTERNAL_ERROR,
    NO_ERROR,
    POST,
    PREFACE,
    RST_STREAM,
    Wire,
    data,
    ends,
    headers,
    path,
    serving,
    settings,
    window_update,
)  # fmt: skip

pytestmark = pytest.mark.integration

CURL = shutil.which("curl")


def start(status: int = 200, *fields: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(fields), **more}


def body(part: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": part, "more_body": more}


def says(*messages: dict[str, Any]) -> Any:
    """An application that sends these messages whatever it is asked."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            for message in messages:
                await send(message)

    return app


async def test_the_scope_is_that_of_hypercorn() -> None:
    scopes: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = "open"
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        scopes.append(scope)
        await send(start())
        await send(body())

    fields = [*path("/caf%C3%A9/x?a=1&b=%20"), ("accept", "*/*"), ("cookie", "a=1")]
    wire = await asked(app, headers(1, fields), root_path="/root")
    scope = scopes[0]
    client, server = scope.pop("client"), scope.pop("server")
    scope.pop("extensions")
    assert scope == {
        "type": "http",
        "http_version": "2",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "method": "GET",
        "scheme": "http",
        "path": "/café/x",
        "raw_path": b"/caf%C3%A9/x",
        "query_string": b"a=1&b=%20",
        "root_path": "/root",
        "headers": [(b"host", b"localhost"), (b"accept", b"*/*"), (b"cookie", b"a=1")],
        "state": {"pool": "open"},
    }
    assert client == wire.writer.get_extra_info("sockname")
    assert server == wire.writer.get_extra_info("peername")


async def test_crumbs_of_cookies_are_joined() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"] if scope["type"] == "http" else [])
        await says(start(), body())(scope, receive, send)

    await asked(app, headers(1, [*GET, ("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]))
    assert seen == [(b"host", b"localhost"), (b"x", b"y"), (b"cookie", b"a=1; b=2")]


async def test_an_answer_of_one_part_is_one_head_and_one_frame_with_the_date() -> None:
    wire = await asked(says(start(200, (b"X-Test", b"1"), (b"connection", b"close")), body(b"hello")), headers(1, GET))
    assert wire.body(1) == b"hello"
    assert wire.head(1)["x-test"] == "1"
    assert "connection" not in wire.head(1)
    assert wire.head(1)["date"].endswith("GMT")
    assert [one.kind for one in wire.frames if one.stream == 1] == [HEADERS, DATA]


async def test_the_parts_of_a_stream_arrive_as_they_are_sent() -> None:
    go_on = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(start())
            await send(body(more=True))
            await go_on.wait()
            await send(body(b"first", more=True))
            go_on.clear()
            await go_on.wait()
            await send(body(b"last"))

    async with serving(app) as server:
        wire = await Wire.connect(server.port)
        wire.send(headers(1, GET))
        assert await wire.begun(1) == 200
        go_on.set()
        assert (await wire.until(lambda frame: frame.kind == DATA)).payload == b"first"
        go_on.set()
        assert await wire.answer(1) == (200, b"firstlast")


@pytest.mark.parametrize(("verb", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_answers_without_a_body_have_none(verb: str, status: int) -> None:
    app = says(start(status, (b"content-length", b"5")), body(b"he", more=True), body(b"llo"))
    wire = await asked(app, headers(1, [(":method", verb), *GET[1:]]))
    assert (wire.status(1), wire.body(1)) == (status, b"")
    assert [one.kind for one in wire.frames if one.stream == 1] == [HEADERS]


TRAILERS = {"type": "http.response.trailers", "headers": [(b"x-sum", b"42")]}


async def test_trailers_go_to_those_who_take_them() -> None:
    app = says(start(trailers=True), body(b"hello"), TRAILERS)
    wire = await asked(app, headers(1, [*GET, ("te", "trailers")]))
    assert (wire.body(1), wire.trailers) == (b"hello", {1: {"x-sum": "42"}})
    wire = await asked(app, headers(1, GET))
    assert (wire.body(1), wire.trailers) == (b"hello", {})


async def test_early_hints_come_before_the_answer() -> None:
    hint = {"type": "http.response.early_hint", "links": [b"</a.js>; rel=preload; as=script"]}
    wire = await asked(says(hint, start(), body(b"page")), headers(1, GET))
    assert wire.informed == [(1, {":status": "103", "link": "</a.js>; rel=preload; as=script"})]
    assert (wire.status(1), wire.body(1)) == (200, b"page")


@pytest.mark.parametrize("expectation", ["100-continue", "100-Continue"])
async def test_who_asks_first_is_told_to_go_on_when_the_application_reads(expectation: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            message = await receive()
            await says(start(), body(message["body"]))(scope, receive, send)

    async with serving(app) as server:
        wire = await Wire.connect(server.port)
        wire.send(headers(1, [*POST, ("expect", expectation)], end=False))
        await wire.until(lambda frame: frame.kind == HEADERS)
        wire.send(data(1, b""))
        assert await wire.alive()
        wire.send(data(1, b"hello", end=True))
        assert await wire.answer(1) == (200, b"hello")
    assert wire.informed == [(1, {":status": "100"})]


async def test_who_asks_first_and_is_refused_is_not_told_to_go_on() -> None:
    wire = await asked(says(start(413), body()), headers(1, [*POST, ("expect", "100-continue")], end=False))
    assert (wire.status(1), wire.informed) == (413, [])
    assert wire.resets() == {1: NO_ERROR}


async def test_a_failure_before_the_answer_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("broken")

    wire = await asked(app, headers(1, GET), errorlog=logging.getLogger("hypercorn.error"))
    assert (wire.status(1), wire.body(1)) == (500, b"")
    assert "broken" in caplog.text


async def test_a_failure_in_the_answer_resets_the_stream() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(start())
            await send(body(b"half", more=True))
            await asyncio.sleep(0.05)
            raise RuntimeError("broken")

    wire = await asked(app, headers(1, GET))
    assert (wire.status(1), wire.resets()) == (200, {1: INTERNAL_ERROR})


@pytest.mark.parametrize(
    "messages",
    [
        [start(200, (b"x-test", b"a\r\nset-cookie: b"))],
        [start(200, (b":status", b"200"))],
        [start(200, (b"x test", b"a"))],
        [body(b"without a head")],
        [{"type": "http.response.unheard"}],
        [],
    ],
    ids=["line break", "pseudo-header", "space in a name", "no head", "unknown message", "nothing"],
)
async def test_a_wrong_answer_is_a_500(messages: list[dict[str, Any]]) -> None:
    wire = await asked(says(*messages), headers(1, GET))
    assert (wire.status(1), wire.body(1)) == (500, b"")


async def test_sending_to_a_client_that_is_gone_raises_oserror() -> None:
    caught: list[Exception] = []
    gone = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await receive()
            assert (await receive())["type"] == "http.disconnect"
            try:
                await send(start())
            except OSError as error:
                caught.append(error)
            gone.set()

    async with serving(app) as server:
        wire = await Wire.connect(server.port)
        wire.send(headers(1, GET))
        await wire.alive()
        await wire.close()
        await asyncio.wait_for(gone.wait(), 3)
    assert len(caught) == 1


async def test_after_the_answer_the_application_hears_that_it_is_over() -> None:
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(start())
            await send(body(b"done"))
            heard.append((await receive())["type"])

    wire = await asked(app, headers(1, POST, end=False))
    assert (wire.status(1), heard) == (200, ["http.disconnect"])


async def test_urgent_answers_go_first() -> None:
    """RFC 9218: of two answers that wait for the connection's window, the one with the lower number goes first."""
    app = says(start(), body(b"x" * 50_000))
    async with serving(app) as server:
        wire = await Wire.connect(server.port)
        wire.send(headers(1, [*GET, ("priority", "u=6")]), headers(3, [*GET, ("priority", "u=0")]))
        await wire.until(lambda frame: frame.stream == 3 and ends(frame))
        assert len(wire.body(3)) == 50_000
        assert len(wire.body(1)) <= 65_535 - 50_000


async def test_http1_and_its_upgrades_stay_with_http1() -> None:
    async with serving(says(start(), body(b"one"))) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        upgrade = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__"
        writer.write(f"GET / HTTP/1.1\r\nhost: a\r\n{upgrade}\r\n\r\n".encode())
        first = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 3)
        writer.write(PREFACE + settings({}))
        rest = await asyncio.wait_for(reader.read(), 3)
    assert first.startswith(b"HTTP/1.1 200")
    assert rest.startswith((b"HTTP/1.1 505", b"HTTP/1.1 400"))


async def test_an_early_answer_that_fills_the_window_is_ended_before_its_upload_is_stopped() -> None:
    go_on = asyncio.Event()

    async def fill(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await says(start(), body(b"full", more=True))(scope, receive, send)
            await go_on.wait()
            await send(body(b""))

    async with serving(fill) as server:
        wire = await Wire.connect(server.port, {4: len(b"full")})
        wire.send(headers(1, POST, end=False))
        await wire.until(lambda frame: frame.kind == DATA)
        go_on.set()
        assert await wire.alive()
        wire.send(window_update(1, 1))
        await wire.until(lambda frame: frame.kind == RST_STREAM)
        assert ends(wire.frames[-2])
        assert wire.resets() == {1: NO_ERROR}


async def test_a_preface_may_come_byte_by_byte() -> None:
    async with serving(says(start(), body(b"one"))) as server:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", server.port))
        for byte in PREFACE + settings({}) + headers(1, GET):
            wire.send(bytes((byte,)))
            await wire.writer.drain()
            await asyncio.sleep(0)
        assert await wire.answer(1) == (200, b"one")


# Real clients


@pytest.fixture
async def tls(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    certificate = development_certificate(tmp_path)
    async with serving(says(start(), body(b"secure")), certificate=certificate) as server:
        yield f"https://localhost:{server.port}", certificate.chain


async def test_alpn_decides_on_tls(tls: tuple[str, Path]) -> None:
    url, ca = tls
    trust = ssl.create_default_context(cafile=str(ca))
    async with httpx.AsyncClient(verify=trust, http2=True) as new, httpx.AsyncClient(verify=trust) as old:
        answers = [await new.get(url), await old.get(url)]
    assert [(one.http_version, one.text) for one in answers] == [("HTTP/2", "secure"), ("HTTP/1.1", "secure")]


@pytest.mark.parametrize("option", ["--http2", "--http2-prior-knowledge", "--http1.1"])
async def test_curl_is_served(tls: tuple[str, Path], option: str) -> None:
    arguments = ["-sS", "--cacert", str(tls[1]), option, tls[0], tls[0]]
    process = await asyncio.create_subprocess_exec(str(CURL), *arguments, stdout=asyncio.subprocess.PIPE)
    printed, _ = await asyncio.wait_for(process.communicate(), 10)
    assert printed == b"securesecure"
