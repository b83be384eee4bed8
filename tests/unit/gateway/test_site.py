"""The dashboard's files, and what is answered when there are none."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.harness import gateway

HTML = {"accept": "text/html"}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>CryptoVault</title>")
    script = b"export const answer = 42;\n" * 100
    (tmp_path / "assets" / "app-abc.js").write_bytes(script)
    (tmp_path / "assets" / "app-abc.js.gz").write_bytes(gzip.compress(script))
    return tmp_path


async def test_pages_inside_the_application_get_its_first_page(built: Path) -> None:
    async with gateway(static=built) as harness:
        answers = [await harness.client.get(path, headers=HTML) for path in ("/", "/markets/BTC-USD", "/index.html")]
    assert {(answer.status_code, answer.headers["content-type"]) for answer in answers} == {
        (200, "text/html; charset=utf-8")
    }
    assert answers[0].headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/api/nothing", "/assets/gone.js", "/robots.txt", "/.well-known/nothing"])
async def test_data_and_files_that_do_not_exist_are_404_even_for_browsers(built: Path, path: str) -> None:
    async with gateway(static=built) as harness:
        answer = await harness.client.get(path, headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_hashed_files_are_immutable_and_come_as_the_build_compressed_them(built: Path) -> None:
    async with gateway(static=built) as harness:
        packed = await harness.client.get("/assets/app-abc.js", headers={"accept-encoding": "gzip"})
        plain = await harness.client.get("/assets/app-abc.js", headers={"accept-encoding": "identity"})
        other = await harness.client.get("/assets/app-abc.js", headers={"accept-encoding": "zstd"})
        known = await harness.client.get("/assets/app-abc.js", headers={"if-none-match": packed.headers["etag"]})
    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == other.content
    assert other.headers["content-encoding"] == "zstd"
    assert {answer.headers["vary"] for answer in (packed, plain, other)} == {"accept-encoding"}
    assert known.status_code == 304


async def test_nothing_outside_the_folder_is_served(built: Path) -> None:
    (built / "link.txt").symlink_to("/etc/hostname")
    (built / "plain.txt").write_text("plain")
    (built / "plain.txt.gz").symlink_to("/etc/hostname")
    async with gateway(static=built) as harness:
        plain = await harness.client.get("/plain.txt", headers={"accept-encoding": "gzip"})
        assert (plain.text, "content-encoding" in plain.headers) == ("plain", False)
        for path in ("/link.txt", "/../etc/hostname", "/%2e%2e/etc/hostname", "//etc/hostname"):
            assert (await harness.client.get(path)).status_code == 404


async def test_a_new_build_is_noticed(built: Path) -> None:
    async with gateway(static=built) as harness:
        await harness.client.get("/")
        (built / "index.html").write_text("<!doctype html><title>New</title>")
        os.utime(built / "index.html", ns=(1, 1))
        answer = await harness.client.get("/")
    assert "New" in answer.text


async def test_without_a_build_a_page_says_so(tmp_path: Path) -> None:
    async with gateway(static=tmp_path / "dist") as harness:
        answer = await harness.client.get("/", headers=HTML)
    assert answer.status_code == 404
    assert "The dashboard is not built" in answer.text


NAVIGATES = [(b"sec-fetch-mode", b"navigate"), (b"accept", b"text/html")]
ASSETS = [
    b"</assets/app-abc.js>; rel=modulepreload; crossorigin",
    b"</assets/vendor.js>; rel=modulepreload; crossorigin",
    b"</assets/app.css>; rel=preload; as=style",
]


async def begun(static: Path, path: str, version: str, headers: list[tuple[bytes, bytes]]) -> list[Any]:
    """The messages of an answer, without its body."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "scheme": "https", "http_version": version, "client": ("192.0.2.7", 1),
        "extensions": {"http.response.early_hint": {}},
    }  # fmt: skip
    async with gateway(static=static) as harness:
        await harness.app(scope, nobody, send)
    return [message for message in sent if message["type"] != "http.response.body"]


async def nobody() -> Any:
    return {"type": "http.disconnect"}


@pytest.fixture
def page(built: Path) -> Path:
    (built / "index.html").write_text("""<!doctype html><link rel="icon" href="/icon.svg">
        <script type="module" crossorigin src="/assets/app-abc.js"></script><script src="//elsewhere/x.js"></script>
        <link rel="modulepreload" crossorigin href="/assets/vendor.js"><link rel="stylesheet" href="/assets/app.css">
        <link rel="stylesheet" href="https://elsewhere/x.css"><link rel="stylesheet" href="/a>b.css">""")
    return built


@pytest.mark.parametrize("path", ["/", "/markets/BTC-USD"])
async def test_a_browser_that_opens_a_page_over_http2_is_told_of_its_assets_before(page: Path, path: str) -> None:
    hint, start = await begun(page, path, "2", NAVIGATES)
    assert (hint["type"], list(hint["links"])) == ("http.response.early_hint", ASSETS)
    assert start["status"] == 200


@pytest.mark.parametrize(
    ("path", "version", "headers"),
    [
        ("/", "1.1", NAVIGATES),
        ("/", "2", NAVIGATES[1:]),
        ("/", "2", [*NAVIGATES, (b"if-none-match", b"*")]),
        ("/assets/app-abc.js", "2", NAVIGATES),
        ("/ping", "2", NAVIGATES),
        ("/api/nothing", "2", NAVIGATES),
    ],
)
async def test_nobody_else_is(page: Path, path: str, version: str, headers: list[tuple[bytes, bytes]]) -> None:
    messages = await begun(page, path, version, headers)
    assert [message["type"] for message in messages] == ["http.response.start"]
