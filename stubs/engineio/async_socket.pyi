import asyncio
from typing import Any

from engineio.packet import Packet

class AsyncSocket:
    sid: str
    queue: asyncio.Queue[Packet | None]
    session: dict[str, Any]
    upgraded: bool
    closing: bool
    closed: bool

    async def close(self, wait: bool = ..., abort: bool = ..., reason: str | None = ...) -> None: ...
