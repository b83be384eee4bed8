"""What a transport tells the session, or the probe, that it works for."""

from typing import Protocol

from services.realtime.engine.packets import Received


class Receiver(Protocol):
    """Who is told of what happens on a connection."""

    def received(self, packet: Received) -> None:
        """A packet has come."""
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
