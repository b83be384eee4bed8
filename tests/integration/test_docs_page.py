"""/docs in a real browser: its examples can be copied and tried, under the strict Content-Security-Policy."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, async_playwright, expect

from tests.integration.gateway_front import Running, running
from tests.integration.test_browser import FLAGS

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.timeout(120)]

PRICE = "prices_PricesService_GetPrice"
CANDLES = "prices_PricesService_ListCandles"
JOIN = "realtime_RealtimeService_JoinSockets"
LOGIN = "auth_AuthService_Login"


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as front:
        yield front


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
async def page(front: Running, complaints: list[str]) -> AsyncIterator[Page]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "Chromium is not installed; `make doctor` says how to install it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        context = await browser.new_context(base_url=front.plain)
        await context.grant_permissions(["clipboard-read", "clipboard-write"], origin=front.plain)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        yield page
        await browser.close()


async def opened(page: Page, operation: str) -> Locator:
    """The card of an operation, opened by its address."""
    await page.goto(f"/docs#{operation}")
    card = page.locator(f"#{operation}")
    await expect(card.locator("figure").first).to_be_visible(timeout=15_000)
    return card


async def test_an_operation_comes_with_a_curl_line_to_copy(page: Page, front: Running, complaints: list[str]) -> None:
    card = await opened(page, CANDLES)
    await card.get_by_role("button", name="Copy").first.click()
    await expect(card.get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == f"curl -sS '{front.plain}/api/prices/BTC-USD/candles?interval=1m&limit=2'"
    assert complaints == []


async def test_the_line_of_an_operation_that_wants_a_token_has_one(page: Page) -> None:
    line = (await opened(page, JOIN)).locator("figure code").first
    await expect(line).to_contain_text('-H "Authorization: Bearer $TOKEN"')
    await expect(line).to_contain_text('"channels":["prices:BTC-USD"]')


async def test_every_status_has_its_example(page: Page) -> None:
    card = await opened(page, PRICE)
    await expect(card.locator(".answer")).to_contain_text('"quality": "DEGRADED"')
    await card.get_by_role("button", name="404").click()
    await expect(card.locator(".answer")).to_contain_text("there is no symbol 'BTC-XYZ'")


async def test_an_operation_can_be_tried(page: Page, complaints: list[str]) -> None:
    card = await opened(page, PRICE)
    await card.get_by_role("button", name="Send GET").click()
    await expect(card.locator("form + pre")).to_contain_text("200 in", timeout=15_000)
    await expect(card.locator("form + pre")).to_contain_text('"symbol": "BTC-USD"')
    assert complaints == []


async def test_the_token_of_an_answer_is_kept_for_what_is_tried_next(page: Page) -> None:
    card = await opened(page, LOGIN)
    await card.get_by_label("body").fill('{"email": "ann@example.org", "password": "correct horse battery staple"}')
    await card.get_by_role("button", name="Send POST").click()
    await expect(card.locator("form + pre")).to_contain_text("200 in", timeout=15_000)
    assert await page.locator("#token").input_value() == "a" * 2000


@pytest.mark.parametrize("width", [420, 1500])
async def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 900})
    await opened(page, CANDLES)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_the_filter_narrows_the_cards_and_the_index(page: Page) -> None:
    await opened(page, PRICE)
    await page.locator("#filter").fill("candles")
    for shown in (".operation:visible", "nav a:visible"):
        await expect(page.locator(shown)).to_have_count(1)
    await expect(page.locator("main h2:visible")).to_have_text("prices")
