from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.kit.testing import FakeClock, free_port
from tests.unit.realtime.helpers import Client, Node, running

Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A node that serves clients on the loopback interface."""
    async with running(Node(free_port())) as node:
        yield node


@pytest.fixture
async def connect(node: Node) -> AsyncIterator[Connect]:
    """Connects a stock client."""
    clients: list[Client] = []

    async def open_client(**options: object) -> Client:
        client = Client()
        clients.append(client)
        await client.sio.connect(node.url, **{"transports": ["websocket"], **options})
        return client

    yield open_client
    for client in clients:
        await client.sio.disconnect()
