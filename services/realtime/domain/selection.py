"""Some of a node's sockets, chosen by what is known about them."""

from collections.abc import Collection
from dataclasses import dataclass

from services.realtime.domain.registry import Registry, Socket


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The sockets for which everything holds that is given; all of them when nothing is."""

    socket_id: str = ""
    user_id: str = ""
    session_id: str = ""
    channel: str = ""

    def of(self, registry: Registry) -> list[Socket]:
        """The sockets of this node."""
        return [socket for socket in self._candidates(registry) if self._has(socket)]

    def _candidates(self, registry: Registry) -> Collection[Socket]:
        """By the narrowest index."""
        if self.socket_id:
            socket = registry.find(self.socket_id)
            return [socket] if socket is not None else []
        if self.session_id:
            return registry.of_session(self.session_id)
        if self.user_id:
            return registry.of_user(self.user_id)
        return registry.subscribers(self.channel) if self.channel else registry.all()

    def _has(self, socket: Socket) -> bool:
        user_id, session_id = owner(socket)
        return (
            self.user_id in ("", user_id)
            and self.session_id in ("", session_id)
            and (not self.channel or self.channel in socket.channels)
        )


def owner(socket: Socket) -> tuple[str, str]:
    """A socket's user and session; empty for nobody."""
    return (socket.identity.user_id, socket.identity.session_id) if socket.identity else ("", "")
