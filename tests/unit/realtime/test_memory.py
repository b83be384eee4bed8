"""What has ended is gone at once: only a session waits, for the timers' wheel to come round, and with nothing."""

import gc
import json
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from services.kit.testing import free_port
from services.realtime.domain.registry import Socket
from services.realtime.engine.polling import Polling
from services.realtime.engine.websocket import WebSocket
from tests.unit.realtime.helpers import Node, eventually, running

KINDS = (Socket, WebSocket, Polling)


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with running(Node(free_port())) as node:
        yield node


def living() -> int:
    return sum(isinstance(item, KINDS) for item in gc.get_objects())


async def test_nothing_is_left_of_websockets_that_have_gone(node: Node) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(5):
            socket = await http.ws_connect(f"{node.url}/socket.io/?EIO=4&transport=websocket")
            await socket.receive()
            await socket.send_str('40{"token":"token-of-ann"}')
            await socket.send_str('420["subscribe",["system"]]')
            await eventually(lambda: node.hub.registry.subscribers("system"))
            await socket.close()
            await eventually(lambda: not len(node.hub.registry))
    await eventually(lambda: living() == 0)


async def test_nothing_is_left_of_polling_clients_that_have_gone(node: Node) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(5):
            url = f"{node.url}/socket.io/?EIO=4&transport=polling"
            sid = json.loads((await (await http.get(url)).text())[1:])["sid"]
            await (await http.post(f"{url}&sid={sid}", data="40")).read()
            await eventually(lambda: len(node.hub.registry))
            await (await http.post(f"{url}&sid={sid}", data="1")).read()
            await eventually(lambda: not len(node.hub.registry))
    await eventually(lambda: living() == 0)
