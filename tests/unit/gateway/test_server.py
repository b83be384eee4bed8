"""What connections inherit from the sockets that the gateway listens on."""

import socket

from hypercorn.config import Sockets

from services.gateway.server import UNSENT_BYTES, _listen


def test_the_kernel_keeps_little_for_a_client_that_does_not_read() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        _listen(Sockets([], [listener], []), backlog=1)
        with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as connection:
            connection.setblocking(False)
            sent = 0
            try:
                while sent < 64 * UNSENT_BYTES:
                    sent += connection.send(bytes(UNSENT_BYTES))
            except BlockingIOError:
                taken = client.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
                assert sent <= taken + 2 * UNSENT_BYTES
            else:
                raise AssertionError("the kernel takes whatever it is given")
