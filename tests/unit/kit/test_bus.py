"""The bus without a server."""

import asyncio

import pytest

from services.kit.bus import Bus


class Stubborn:
    """A client whose way to NATS goes on after the first request to end, as nats-py's may."""

    is_connected = False
    asked = 0

    async def connect(self, **options: object) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.asked += 1
                if self.asked > 1:
                    raise


async def test_a_bus_closes_though_its_client_overhears_the_first_request_to_end(monkeypatch: pytest.MonkeyPatch):
    client = Stubborn()
    monkeypatch.setattr("services.kit.bus.Client", lambda: client)
    async with asyncio.timeout(10), Bus.open("nats://127.0.0.1:1", "test"):
        await asyncio.sleep(0)
    assert client.asked == 2
