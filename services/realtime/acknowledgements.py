"""An event to many clients, encoded once, and what they acknowledge it with."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from services.realtime.domain.packets import Packet
from services.realtime.socketio_manager import Manager

NAMESPACE = "/"


async def ask(
    manager: Manager, socket_ids: Collection[str], event: str, data: bytes, deadline: float
) -> dict[str, tuple[object, ...]]:
    """Send an event, `data` being a JSON object; the acknowledgements' arguments by client.

    Returns as soon as all have acknowledged, and after `deadline` seconds with what there is then.
    """
    answers: dict[str, tuple[object, ...]] = {}
    complete = asyncio.Event()
    number = manager.next_id()
    clients = [client for sid in socket_ids if (client := manager.connected(sid, NAMESPACE)) is not None]

    def take(sid: str, *arguments: object) -> None:
        answers[sid] = arguments
        if len(answers) == len(clients):
            complete.set()

    packet = Packet(event, data, number)
    for client in clients:
        client.expect(number, take)
        client.session.send(packet)
    if clients:
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await complete.wait()
    for client in clients:
        client.expect_no_more(number)
    return answers
