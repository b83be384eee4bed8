"""One gateway a test, with its upstreams on loopback."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.gateway.harness import Harness, gateway


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async with gateway() as running:
        yield running
