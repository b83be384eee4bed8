"""The dashboard's files, and what is answered when there are none."""

import gzip
import os
from pathlib import Path

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
        known = await harness.client.get("/assets/app-abc.js", headers={"if-none-match": packed.headers["etag"]})
    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "accept-encoding")
    assert packed.content == plain.content
    assert known.status_code == 304


async def test_nothing_outside_the_folder_is_served(built: Path) -> None:
    (built / "link.txt").symlink_to("/etc/hostname")
    async with gateway(static=built) as harness:
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
