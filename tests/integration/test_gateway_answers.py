"""Answers that come before the client is done, or before the answer itself: as curl and plain sockets meet them."""

import asyncio
import shutil
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.gateway_front import Running, running

pytestmark = pytest.mark.integration

CURL = shutil.which("curl")
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="session")
def tls_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture
async def front(tls_folder: Path) -> AsyncIterator[Running]:
    async with running(tls_folder, rate_limit_factor=1000) as front:
        yield front


@pytest.mark.parametrize(("protocol", "tls"), [("--http1.1", False), ("--http1.1", True), ("--http2", True)])
async def test_curl_gets_413_for_ten_megabytes_and_goes_on(
    front: Running, tmp_path: Path, protocol: str, tls: bool
) -> None:
    base, common = front.tls if tls else front.plain, [protocol, "-ksS", "-o", "/dev/null", "-w", "%{http_code} "]
    big = tmp_path / "big"
    big.write_bytes(b"x" * 10 * MEBIBYTE)
    upload = [*common, "-H", "Expect:", "--data-binary", f"@{big}", f"{base}/api/auth/login"]
    assert await curl(*upload, "--next", *common, f"{base}/ping") == ["413", "200"]


async def test_curl_speaks_http2_by_prior_knowledge(front: Running) -> None:
    written = await curl("--http2-prior-knowledge", "-sS", "-o", "/dev/null", "-w", "%{http_version}", front.plain)
    assert written == ["2"]


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2-prior-knowledge"])
async def test_the_server_as_a_whole_can_be_asked_for_its_options(front: Running, protocol: str) -> None:
    asked = [protocol, "-sS", "-w", "%{http_code}", "--request-target", "*", front.plain]
    assert await curl("-X", "OPTIONS", *asked) == ["204"]


@pytest.mark.parametrize(("protocol", "statuses"), [("--http2", ["103", "200"]), ("--http1.1", ["200"])])
async def test_the_dashboard_is_preceded_by_early_hints_where_browsers_take_them(
    tls_folder: Path, tmp_path: Path, protocol: str, statuses: list[str]
) -> None:
    (tmp_path / "index.html").write_text('<script type="module" src="/assets/app.js"></script>')
    async with running(tls_folder, static=tmp_path) as front:
        told = await curl(protocol, "-ksS", "-D", "-", "-o", "/dev/null", "-H", "sec-fetch-mode: navigate", front.tls)
    assert [told[place + 1] for place, word in enumerate(told) if word.startswith("HTTP/")] == statuses
    assert ("</assets/app.js>;" in told) is ("103" in statuses)


async def curl(*arguments: str) -> list[str]:
    """The words that curl prints."""
    process = await asyncio.create_subprocess_exec(str(CURL), *arguments, stdout=asyncio.subprocess.PIPE)
    printed, _ = await asyncio.wait_for(process.communicate(), 30)
    return printed.decode().split()


@pytest.mark.parametrize("tls", [False, True])
async def test_an_http1_client_that_reads_only_when_it_has_sent_all_gets_the_early_answer(
    front: Running, tls: bool
) -> None:
    def upload() -> bytes:
        port = int(front.tls.rpartition(":")[2]) if tls else front.port
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            trust = ssl.create_default_context(cafile=str(front.ca))
            client = trust.wrap_socket(plain, server_hostname="localhost") if tls else plain
            client.sendall(b"POST /api/auth/password HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n")
            for _ in range(10):
                client.sendall(b"x" * 10_000)
                time.sleep(0.05)
            return client.recv(65536)

    assert (await asyncio.to_thread(upload)).startswith(b"HTTP/1.1 413 ")
