"""One of two nodes is killed under load: are the stock clients back soon, and has each user event come once?"""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count
from typing import Any

import jwt
from cryptovault.events.v1.events_pb2 import UserEvent

from bench.gateway_parts.upstream import KEY, TOKEN_LIFE
from bench.realtime_parts import feed
from bench.realtime_parts.build import CACHE
from bench.realtime_parts.measure import UNLIMITED, Place, node
from services.kit.bus import Bus

USERS = 500
EVENTS = 250.0  # a second, to one user after the other
BEFORE, AFTER = 5.0, 12.0  # seconds of load on either side of the kill
CHUNK = 1 << 16


async def kill_one_of_two(place: Place) -> dict[str, Any]:
    """Run it, and count."""
    users = [f"user-{number}" for number in range(USERS)]
    (place.folder / "tokens.json").write_text(json.dumps({user: token(user) for user in users}))
    async with AsyncExitStack() as stack:
        bus, found = await stack.enter_async_context(feed.neighbours(place.first_port, place.folder))
        running = [await node(stack, place, number, found | UNLIMITED) for number in range(2)]
        stack.callback(asyncio.ensure_future(feed.rounds(bus, 20, 5)).cancel)
        url = await stack.enter_async_context(relay(place.port + 5, [place.port, place.port + 1]))
        clients = await _clients(url, place)
        sent: dict[str, list[int]] = {user: [] for user in users}
        sending = asyncio.create_task(_send(bus, sent))
        await asyncio.sleep(BEFORE)
        os.kill(running[0].pid, signal.SIGKILL)
        await asyncio.sleep(AFTER)
        sending.cancel()
        await asyncio.sleep(2.0)
        report = json.loads((await clients.communicate(b"report\n"))[0])
    return _verdict(sent, report)


def token(user: str) -> str:
    """An access token of this user."""
    now = int(time.time())
    claims = {"iss": "cryptovault", "aud": "cryptovault", "sub": user, "sid": user, "jti": user, "epoch": 1}
    claims |= {"scope": "", "iat": now, "exp": now + TOKEN_LIFE}
    return jwt.encode(claims, KEY, "EdDSA", headers={"typ": "at+jwt", "kid": "bench"})


async def _clients(url: str, place: Place) -> asyncio.subprocess.Process:
    pipe, tokens = asyncio.subprocess.PIPE, (place.folder / "tokens.json").absolute()
    clients = await asyncio.create_subprocess_exec(
        "node", CACHE / "recovering.mjs", url, tokens, stdin=pipe, stdout=pipe, limit=1 << 26
    )
    assert clients.stdout is not None
    async with asyncio.timeout(60):
        await clients.stdout.readline()
    return clients


async def _send(bus: Bus, sent: dict[str, list[int]]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in count():
        user = f"user-{number % USERS}"
        event = UserEvent(user_id=user, event="bench", data_json=b'{"n":%d}' % number)
        event.created_at.GetCurrentTime()
        await bus.publish_durable(f"cv.user.{user}", event, message_id=f"bench-{began}-{number}")
        sent[user].append(number)
        await asyncio.sleep(max(0.0, began + number / EVENTS - loop.time()))


def _verdict(sent: dict[str, list[int]], report: dict[str, Any]) -> dict[str, Any]:
    received, away = report["received"], sorted(report["away"])
    return {
        "users": USERS,
        "events": sum(map(len, sent.values())),
        "lost": sum(len(set(sent[user]) - set(received[user])) for user in sent),
        "doubled": sum(len(received[user]) - len(set(received[user])) for user in sent),
        "disordered": sum(received[user] != sorted(received[user]) for user in sent),
        "cut": len(away),
        "recovered": report["recovered"],
        "away_p50_ms": away[len(away) // 2] if away else 0.0,
        "away_max_ms": away[-1] if away else 0.0,
    }


@asynccontextmanager
async def relay(port: int, targets: list[int]) -> AsyncIterator[str]:
    """One address for all nodes, as a Service of Kubernetes: to each in turn, and past those that do not answer."""
    turns = count()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(turns)
        for attempt in range(len(targets)):
            with suppress(OSError):
                target = await asyncio.open_connection("127.0.0.1", targets[(first + attempt) % len(targets)])
                await asyncio.gather(_pump(reader, target[1]), _pump(target[0], writer))
                return
        writer.close()

    server = await asyncio.start_server(carry, "127.0.0.1", port)
    yield f"http://127.0.0.1:{port}"
    server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
    writer.close()
