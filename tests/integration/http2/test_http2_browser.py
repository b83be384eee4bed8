"""Chromium against the HTTP/2 engine: pages, early answers to uploads, and WebSockets on streams."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from services.gateway.certificate import development_certificate
from tests.integration.test_browser import FLAGS
from tests.unit.gateway_http2.wire import serving

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.timeout(120)]

SOCKET = """(url) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send("hello");
    socket.onmessage = (message) => { socket.close(); resolve(message.data); };
    socket.onerror = () => reject(new Error("the socket has failed"));
})"""
UPLOAD = """async (path) => {
    const answer = await fetch(path, {method: "POST", body: new Uint8Array(3_000_000)});
    return [answer.status, await answer.text()];
}"""
MANY = """async () => {
    const answers = await Promise.all(Array.from({length: 300}, () => fetch("/page").then((answer) => answer.status)));
    return [...new Set(answers)];
}"""


async def app(scope: Any, receive: Any, send: Any) -> None:
    """A page, an upload that is read, one that is not, and a socket that tells its version of HTTP."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        await send({"type": "websocket.send", "text": f"{message['text']} over HTTP/{scope['http_version']}"})
        await receive()
    elif scope["type"] == "http":
        status, read = (413, 0) if scope["path"] == "/refused" else (200, await length(receive))
        html = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": status, "headers": html})
        await send({"type": "http.response.body", "body": str(read).encode()})


async def length(receive: Any) -> int:
    read, more = 0, True
    while more:
        message = await receive()
        read, more = read + len(message["body"]), message["more_body"]
    return read


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "Chromium is not installed; `make doctor` says how to install it"
    async with serving(app, certificate=development_certificate(tmp_path)) as server, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = await browser.new_page(ignore_https_errors=True, base_url=f"https://localhost:{server.port}")
        await page.goto("/page")
        yield page
        await browser.close()


async def test_chromium_speaks_http2(page: Page) -> None:
    assert await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
    assert await page.evaluate(MANY) == [200]


async def test_chromium_uploads_and_understands_an_early_answer(page: Page) -> None:
    assert await page.evaluate(UPLOAD, "/upload") == [200, "3000000"]
    assert await page.evaluate(UPLOAD, "/refused") == [413, "0"]
    assert await page.evaluate(UPLOAD, "/upload") == [200, "3000000"]


async def test_chromium_opens_its_websockets_on_the_same_connection(page: Page) -> None:
    socket = page.url.replace("https", "wss").replace("/page", "/socket")
    assert await page.evaluate(SOCKET, socket) == "hello over HTTP/2"
