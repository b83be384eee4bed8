"""Servers of the HTTP/2 engine for the tests of this folder."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.http2.app import FAST, App
from tests.unit.gateway_http2.wire import (
    Running,
    serving,
)  # fmt: skip


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def server(app: App) -> AsyncIterator[Running]:
    async with serving(app) as running:
        yield running


@pytest.fixture
async def impatient(app: App) -> AsyncIterator[Running]:
    async with serving(app, FAST) as running:
        yield running


@pytest.fixture
async def patient(app: App) -> AsyncIterator[Running]:
    async with serving(app, graceful_timeout=2.0) as running:
        yield running
