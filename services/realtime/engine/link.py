"""What a transport tells the session, or the probe, that it works for."""

from typing import Protocol

from services.realtime.engine.packets import Received, Sendable


class Receiver(Protocol):
    """Who is told of what happens on a connection."""

    def received(self, packet: Received) -> None:
        """A packet has come."""
        ...

    def allows(self) -> bool:
        """Whether the client may send something that is no packet, such as a ping of the WebSocket."""
        ...

    def lost(self) -> None:
        """The connection has ended."""
        ...

    def hold(self) -> None:
        """The client reads more slowly than it is written to."""
        ...

    def resume(self) -> None:
        """The client has caught up."""
        ...


class Nobody:
    """Takes each one's place at the other when a session has ended: session and transport hold each other in memory."""

    __slots__ = ()

    name = ""
    unsent = 0

    def received(self, packet: Received) -> None:
        """Too late."""

    def allows(self) -> bool:
        """Nothing any more."""
        return False

    def lost(self) -> None:
        """That is known."""

    def hold(self) -> None:
        """Nothing is written any more."""

    def resume(self) -> None:
        """Nothing is written any more."""

    def send(self, packet: Sendable, taken: int = 0) -> None:
        """There is nobody to read it."""

    def close(self, by_client: bool = False) -> None:
        """That is done."""

    def abort(self) -> None:
        """That is done."""


NOBODY = Nobody()
