"""Past the event loop's transport, straight to the kernel: three quarters of what a small write costs otherwise."""

import socket

UNSENT = 1 << 15  # bytes: the kernel takes no more while so many have not left it, for a client that reads too slowly


class Wire(socket.SocketType):
    """A second handle on a connection's socket, for writing only; while it is shut, `send` raises OSError.

    It lasts as long as its session, so that whoever writes to thousands of sessions may keep `send` and touch nothing
    else of them. The descriptor belongs to the transport, which closes it: the wire is shut before that.
    """

    __slots__ = ()

    def __init__(self) -> None:
        """Shut."""

    def open(self, transport_socket: socket.socket) -> None:
        """Write to this socket, whose descriptor does not block."""
        plain = transport_socket
        super().__init__(plain.family, plain.type, plain.proto, plain.fileno())

    def shut(self) -> None:
        """Let the descriptor go."""
        self.detach()

    def take(self, data: bytes) -> int:
        """Write what the kernel takes at once; returns how many bytes that is."""
        try:
            return self.send(data)
        except OSError:  # it is full, or the connection is broken, which the transport will find out
            return 0
