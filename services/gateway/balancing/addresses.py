"""Where a service is: `host:port`, whose host may be a name of several servers, or a list of these with commas."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

DNS = "dns:///"  # as gRPC writes names; the same without it
HIGHEST_PORT = 65535


@dataclass(frozen=True)
class Address:
    """A host, by name or by IP address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def numeric(self) -> bool:
        """Whether the host is an IP address, so that nobody has to be asked for it."""
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True


def parse_addresses(text: str) -> tuple[Address, ...]:
    """The addresses in a setting. Raises ValueError with what is wrong."""
    return tuple(_parse(entry.strip().removeprefix(DNS)) for entry in text.split(","))


def _parse(entry: str) -> Address:
    host, _, port = entry.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare and bare == host) or not _is_port(port):
        raise ValueError(f"{entry!r} is not host:port")
    return Address(bare, int(port))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 1 <= int(text) <= HIGHEST_PORT


def grpc_target(text: str) -> str:
    """The same for a channel that balances by itself: gRPC takes a list of IPv4 addresses, but one name only."""
    addresses = parse_addresses(text)
    return _list_of(addresses) if all(map(_is_ipv4, addresses)) else str(addresses[0])


def _list_of(addresses: Iterable[Address]) -> str:
    return "ipv4:" + ",".join(map(str, addresses))


def _is_ipv4(address: Address) -> bool:
    return address.numeric and ":" not in address.host


def servers_of(name: Address, found: Sequence[str]) -> tuple[Address, ...]:
    """The servers behind a name that has these IP addresses.

    A server with an IPv4 and an IPv6 address is one server. So only the family counts that has more of them, the first
    where they are even; and a name with one address of each, as localhost often is, stays a name: gRPC finds out by
    which of them it can be reached.
    """
    families: dict[bool, list[str]] = {}
    for host in dict.fromkeys(found):
        families.setdefault(":" in host, []).append(host)
    hosts = max(families.values(), key=len, default=[])
    if len(families) > 1 and len(hosts) == 1:
        return (name,)
    return tuple(Address(host, name.port) for host in sorted(hosts))
