"""Automatic pipelining: commands that wait at the same time travel to Redis together, over one connection."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Sequence
from typing import Any

import redis.exceptions

from services.kit import deadline
from services.kit.errors import Unavailable
from services.kit.store import AWAY, Store, Value

MAX_BATCH = 256  # commands in one trip; bounds how long the first answer waits for the last


class LuaScript:
    """The text of a script and the name Redis knows it by."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class _Call:
    __slots__ = ("answer", "arguments", "script")

    def __init__(self, script: LuaScript, keys: Sequence[str], arguments: Sequence[Value]) -> None:
        self.script = script
        self.arguments = (len(keys), *keys, *arguments)
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class Batch:
    """Sends what is waiting as soon as the last trip is back; a burst of any size needs one connection.

    timeout: seconds a trip may take. When one takes longer, everything that waits fails with it, so nobody waits for
    Redis more than once; how long one's own burst takes to go through does not count. A caller whose deadline is over
    leaves the trip to the others, and what has not been sent by then is not sent.
    """

    def __init__(self, store: Store, *, timeout: float) -> None:
        self._store = store
        self._timeout = timeout
        self._waiting: deque[_Call] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def run(self, script: LuaScript, keys: Sequence[str], arguments: Sequence[Value] = ()) -> Any:
        """The answer of a script.

        Raises Unavailable when Redis is away or refuses, DeadlineExceeded when the caller's time is over.
        """
        async with deadline.limited():
            call = _Call(script, keys, arguments)
            self._waiting.append(call)
            if self._sender is None:
                self._sender = asyncio.create_task(self._send_all(), name="cache-batch", context=deadline.lifted())
            return await call.answer

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send(self._take())
        finally:
            self._sender = None

    def _take(self) -> list[_Call]:
        taken: list[_Call] = []
        while self._waiting and len(taken) < MAX_BATCH:
            call = self._waiting.popleft()
            if not call.answer.done():  # else the caller has given up
                taken.append(call)
        return taken

    async def _send(self, calls: list[_Call]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                answers = await self._trip(calls)
        except (*AWAY, redis.exceptions.RedisError) as error:
            calls += self._waiting
            self._waiting.clear()
            answers = [error] * len(calls)
        for call, answer in zip(calls, answers, strict=True):
            _settle(call.answer, answer)

    async def _trip(self, calls: list[_Call]) -> list[Any]:
        answers = await self._execute(calls, "EVALSHA")
        unknown = [index for index, answer in enumerate(answers) if _is_unknown(answer)]
        if unknown:  # Redis is new or was flushed: send the texts, which it then remembers
            again = await self._execute([calls[index] for index in unknown], "EVAL")
            for index, answer in zip(unknown, again, strict=True):
                answers[index] = answer
        return answers

    async def _execute(self, calls: list[_Call], command: str) -> list[Any]:
        async with self._store.client.pipeline(transaction=False) as pipeline:
            for call in calls:
                name = call.script.sha if command == "EVALSHA" else call.script.text
                pipeline.execute_command(command, name, *call.arguments)
            return list(await pipeline.execute(raise_on_error=False))


def _is_unknown(answer: Any) -> bool:
    return isinstance(answer, redis.exceptions.NoScriptError)


def _settle(future: "asyncio.Future[Any]", answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        failure = Unavailable("Redis is away or refuses")
        failure.__cause__ = answer
        future.set_exception(failure)
    else:
        future.set_result(answer)
