"""The servers behind a service's address. What cannot be looked up now stays what it was."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence

from services.gateway.balancing.addresses import Address, servers_of

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds for one name

LookUp = Callable[[Address], Awaitable[Sequence[str]]]


async def look_up(name: Address) -> Sequence[str]:
    """The IP addresses of a name, as the system knows them, best first (RFC 6724). Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(name.host, name.port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


class Resolver:
    """Knows the servers of one service."""

    def __init__(self, addresses: Sequence[Address], look_up: LookUp = look_up) -> None:
        self._servers: dict[Address, tuple[Address, ...]] = {
            address: (address,) if address.numeric else () for address in addresses
        }
        self._names = tuple(address for address in addresses if not address.numeric)
        self._look_up = look_up

    @property
    def changes(self) -> bool:
        """Whether there is anything to look up."""
        return bool(self._names)

    @property
    def servers(self) -> tuple[str, ...]:
        """All that are known, as `host:port`; each once."""
        return tuple(dict.fromkeys(str(server) for servers in self._servers.values() for server in servers))

    async def refresh(self) -> None:
        """Look up all names, side by side."""
        await asyncio.gather(*(self._refresh(name) for name in self._names))

    async def _refresh(self, name: Address) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                servers = servers_of(name, await self._look_up(name))
        except (OSError, UnicodeError) as error:  # a time-out is an OSError as well
            logger.debug("%s cannot be looked up: %s", name.host, error)
            return
        if servers and servers != self._servers[name]:
            logger.info("%s is served by %s", name, ", ".join(map(str, servers)))
            self._servers[name] = servers
