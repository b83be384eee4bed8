"""Who is calling, as the gateway found out and passes on in gRPC metadata.

Only the gateway faces clients; services trust this metadata because the network policy lets nobody else reach them.
"""

import grpc
import msgspec

from services.kit.errors import PermissionDenied, Unauthenticated

PREFIX = "cv-"


class Caller(msgspec.Struct, frozen=True):
    """The client behind a call. Empty strings where nothing is known; `user_id` is empty for anonymous clients."""

    user_id: str = ""
    session_id: str = ""
    scopes: frozenset[str] = frozenset()
    client_ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    key_id: str = ""  # the API key that the client showed instead of a session's token
    tier: str = ""  # the budget that the key draws on; known to the gateway only

    def require_user(self) -> str:
        """The user's id. Raises Unauthenticated for anonymous clients."""
        if not self.user_id:
            raise Unauthenticated("sign in first")
        return self.user_id

    def require_scope(self, scope: str) -> None:
        """Raises Unauthenticated or PermissionDenied unless the caller has the scope."""
        self.require_user()
        if scope not in self.scopes:
            raise PermissionDenied(f"this needs the scope {scope!r}")

    def to_metadata(self) -> tuple[tuple[str, str], ...]:
        """The caller as gRPC metadata."""
        values = {
            "user-id": self.user_id,
            "session-id": self.session_id,
            "scopes": " ".join(sorted(self.scopes)),
            "client-ip": self.client_ip,
            "user-agent": _printable(self.user_agent),
            "request-id": self.request_id,
            "key-id": self.key_id,
        }
        return tuple((PREFIX + name, value) for name, value in values.items() if value)


def caller_of(context: "grpc.aio.ServicerContext[object, object]") -> Caller:
    """The caller of the RPC at hand."""
    found = {
        key.removeprefix(PREFIX): value
        for key, value in context.invocation_metadata() or ()
        if key.startswith(PREFIX) and isinstance(value, str)
    }
    return Caller(
        user_id=found.get("user-id", ""),
        session_id=found.get("session-id", ""),
        scopes=frozenset(found.get("scopes", "").split()),
        client_ip=found.get("client-ip", ""),
        user_agent=found.get("user-agent", ""),
        request_id=found.get("request-id", ""),
        key_id=found.get("key-id", ""),
    )


def _printable(text: str) -> str:
    """gRPC metadata takes printable ASCII only; User-Agent headers hold what clients like."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:512]
