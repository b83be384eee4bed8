"""The dashboard in a real browser: prices move, their age and the connection are seen, no rule is broken."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.integration.stack import RECORDINGS, Stack, started, until

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.timeout(600)]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with started(f"RECORDINGS={RECORDINGS}", "CV_GATEWAY_RATE_LIMIT_FACTOR=1000") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "Chromium is not installed; `make doctor` says how to install it"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=FLAGS)


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, stack: Stack, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(said(message)) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()


def said(message: ConsoleMessage) -> str:
    return f"{message.text} ({message.location})"


def test_prices_move_and_the_page_says_how_old_they_are(page: Page, stack: Stack, complaints: list[str]):
    page.goto(stack.url)
    price = page.locator('[data-symbol="BTC-USD"] [data-testid="price"]')
    expect(price).not_to_be_empty(timeout=15_000)
    first = price.inner_text()
    expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "connected")
    expect(page.locator('[data-symbol="BTC-USD"] [data-testid="age"]')).not_to_be_empty()
    until(lambda: price.inner_text() != first, 15)
    assert complaints == []


def test_the_page_works_over_tls_and_http2(page: Page, stack: Stack):
    page.goto(stack.tls_url)
    expect(page.locator('[data-symbol="BTC-USD"] [data-testid="price"]')).not_to_be_empty(timeout=15_000)
    protocol = page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
    assert protocol == "h2"


def test_a_symbol_has_a_page_with_its_sources(page: Page, stack: Stack, tmp_path: Path):
    page.goto(stack.url)
    page.locator('[data-symbol="BTC-USD"] a').first.click(timeout=15_000)
    expect(page.get_by_text("binance", exact=False).first).to_be_visible(timeout=15_000)
    assert page.url.endswith("/symbols/BTC-USD")


def test_an_api_key_is_shown_once_works_and_is_revoked(page: Page, stack: Stack, complaints: list[str]):
    email = f"{secrets.token_hex(6)}@example.org"
    page.goto(stack.url + "/register")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=15_000)
    page.get_by_role("link", name="Account").click()
    page.get_by_label("Name").fill("bot")
    page.get_by_role("button", name="Create key").click()
    key = page.get_by_label("The new API key").input_value(timeout=15_000)
    assert stack.get("/api/auth/me", headers={"X-API-Key": key}).json()["email"] == email
    page.reload()
    expect(page.get_by_test_id("api-key")).to_contain_text("bot", timeout=15_000)
    assert key not in page.content()
    page.get_by_role("button", name="Revoke bot").click()
    page.get_by_role("button", name="Really revoke bot?").click()
    until(lambda: stack.get("/api/auth/me", headers={"X-API-Key": key}).status_code == 401, 15)
    expect(page.get_by_test_id("api-key")).to_have_count(0)
    assert complaints == []


def test_the_docs_page_lists_the_api_without_any_outside_host(page: Page, stack: Stack, complaints: list[str]):
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto(stack.url + "/docs")
    expect(page.get_by_text("/api/prices/{symbol}/candles").first).to_be_visible(timeout=15_000)
    assert hosts == {f"127.0.0.1:{stack.port}"}
    assert complaints == []
