"""Server-streaming RPCs as Server-Sent Events (WHATWG HTML, section 9.2)."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from services.gateway.upstreams import ByteStream
from services.kit.errors import CryptoVaultError, Unavailable

KEEP_ALIVE_SECONDS = 15.0
FIRST_MESSAGE_SECONDS = 1.0  # a call that fails within this time is answered with a problem instead of a stream

KEEP_ALIVE = b": keep-alive\n\n"
RETRY = b"retry: 2000\n\n"  # milliseconds before a browser connects again

Open = Callable[[], ByteStream]


class EventStream:
    """Reads a call's messages ahead by one, so that waiting can be interrupted without losing any."""

    def __init__(self, open_call: Open, to_json: Callable[[bytes], bytes], stopping: asyncio.Event) -> None:
        self._open = open_call
        self._to_json = to_json
        self._stopping = stopping
        self._opened_again = False  # and nothing has come since
        self._begin_call()

    def _begin_call(self) -> None:
        self._call = self._open()
        self._expect()

    def _expect(self) -> None:
        self._pending = asyncio.create_task(self._call.next())

    async def begin(self) -> None:
        """Wait shortly for the first message. Raises CryptoVaultError when the call fails at once."""
        try:
            await asyncio.wait({self._pending}, timeout=FIRST_MESSAGE_SECONDS)
        except asyncio.CancelledError:  # the client's time is over
            self.close()
            raise
        if self._pending.done() and (error := self._pending.exception()) is not None:
            self.close()
            raise error

    async def events(self, problem: Callable[[CryptoVaultError], bytes]) -> AsyncGenerator[bytes, None]:
        """The events, to the end of the call or of this process; a failure becomes a last event named "error"."""
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            yield RETRY
            while not stopping.done():
                await asyncio.wait(
                    {self._pending, stopping}, timeout=KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if not self._pending.done():
                    yield KEEP_ALIVE
                elif self._is_broken():
                    self._opened_again = True
                    self._begin_call()
                elif (message := self._take()) is not None:
                    yield b"data: " + self._to_json(message) + b"\n\n"
                else:
                    return
        except CryptoVaultError as error:
            yield b"event: error\ndata: " + problem(error) + b"\n\n"
        finally:
            stopping.cancel()
            self.close()

    def _is_broken(self) -> bool:
        """Whether the call's replica has gone; a call that breaks is opened again, once until something comes."""
        return not self._opened_again and isinstance(self._pending.exception(), Unavailable)

    def _take(self) -> bytes | None:
        """The message that has arrived; the wait for the next one begins."""
        message = self._pending.result()
        if message is not None:
            self._opened_again = False
            self._expect()
        return message

    def close(self) -> None:
        """End the call."""
        self._call.close()
        if not self._pending.done():
            self._pending.cancel()
        elif not self._pending.cancelled():
            self._pending.exception()  # seen, so that nobody warns about it
