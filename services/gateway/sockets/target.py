"""Where sockets are forwarded to, and with which headers."""

from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp
from yarl import URL

# Headers of one connection only (RFC 9110 section 7.6.1), those that the handshake on the other side makes anew, and
# those that nobody but us may say.
NOT_FORWARDED = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"forwarded",
        b"host",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authorization",
        b"x-api-key",  # means nothing to realtime, and is not to travel without need
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"x-forwarded-for",
        b"x-forwarded-proto",
    }
)
HANDSHAKE = b"sec-websocket-"
NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


def forwarding_session() -> aiohttp.ClientSession:
    """A session for requests of many clients: any number at a time, each with its own headers and cookies only."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),  # a socket, or a poll that waits, holds a connection for itself
        cookie_jar=aiohttp.DummyCookieJar(),  # what is set for one client is nobody else's
        skip_auto_headers=NOT_ADDED,
        auto_decompress=False,
    )


@dataclass(frozen=True)
class Target:
    """The realtime service."""

    base: str  # http://host:port

    def url(self, path: str, query: bytes) -> URL:
        """The same path and query there, byte for byte."""
        text = self.base.rstrip("/") + path + (f"?{query.decode('latin-1')}" if query else "")
        return URL(text, encoded=True)

    def headers(self, headers: Iterable[tuple[bytes, bytes]], client_ip: str, *, secure: bool) -> list[tuple[str, str]]:
        """The client's headers without those of the connection, and who the client is."""
        kept = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in headers
            if name not in NOT_FORWARDED and not name.startswith(HANDSHAKE)
        ]
        return [*kept, ("x-forwarded-for", client_ip), ("x-forwarded-proto", "https" if secure else "http")]
