"""Takes connections off a listening socket: as many as wait, not one in every turn of the loop.

libuv takes one (uv__server_io since 1.48). A loop with a thousand busy clients turns a dozen times a second, and who
wants to join them then waits for minutes.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable

logger = logging.getLogger(__name__)

AT_ONCE = 128  # connections in one turn, so that those who are here already have theirs
PAUSE_SECONDS = 1.0  # when there are no more files
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


async def listen(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Sockets that listen, one for each address of the host. Raises OSError when the port is taken."""
    loop, found = asyncio.get_running_loop(), list[socket.socket]()
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    try:
        for family, _, _, _, address in dict.fromkeys(addresses):
            found.append(socket.create_server(address, family=family, backlog=backlog))
    except OSError:
        for listener in found:
            listener.close()
        raise
    return found


class Acceptor:
    """Serves one listening socket, which it owns.

    context, handshake_timeout: of TLS; without a context the connections are plain.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext | None = None,
        handshake_timeout: float | None = None,
    ) -> None:
        self._listener = listener
        self._protocol = protocol
        self._context = context
        self._handshake_timeout = handshake_timeout if context is not None else None
        self._loop = asyncio.get_running_loop()
        self._joining: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._resume()

    async def close(self) -> None:
        """Take those who wait, and then no more; return when they are in."""
        while self._pause is None and self._accept():
            pass
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        if self._joining:
            await asyncio.wait(self._joining)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> bool:
        """Take some of those who wait; whether there may be more."""
        for _ in range(AT_ONCE):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return False
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                self._rest(error)
                return False
            joining = self._loop.create_task(self._join(connection))
            self._joining.add(joining)
            joining.add_done_callback(self._joining.discard)
        return True

    def _rest(self, error: OSError) -> None:
        logger.error("no connection can be accepted: %s", error.strerror)
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(PAUSE_SECONDS, self._resume)

    async def _join(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            await self._loop.connect_accepted_socket(
                self._protocol, connection, ssl=self._context, ssl_handshake_timeout=self._handshake_timeout
            )
        except OSError:  # it has left, or does not speak TLS (ssl.SSLError is one)
            connection.close()
