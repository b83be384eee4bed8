"""What many clients acknowledge one event with."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

from services.realtime.socketio_manager import Manager

NAMESPACE = "/"


async def ask(
    manager: Manager, socket_ids: Collection[str], send: Callable[[int], None], deadline: float
) -> dict[str, tuple[object, ...]]:
    """Let `send` send these clients an event of the number it is given; the acknowledgements' arguments by client.

    Returns as soon as all have acknowledged or left, and after `deadline` seconds with what there is then.
    """
    answers: dict[str, tuple[object, ...]] = {}
    complete = asyncio.Event()
    number = manager.next_id()
    clients = [client for sid in socket_ids if (client := manager.connected(sid, NAMESPACE)) is not None]
    missing = {client.sid: client for client in clients}

    def take(sid: str, *arguments: object) -> None:
        answers[sid] = arguments
        settle(sid)

    def settle(sid: str) -> None:
        missing.pop(sid, None)
        if not missing:
            complete.set()

    for client in clients:
        client.expect(number, take, settle)
    try:
        send(number)
        if missing:
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline):
                    await complete.wait()
    finally:
        for client in missing.values():
            client.expect_no_more(number)
    return answers
