"""The sockets that the gateway listens on, and its certificate."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypercorn.config import Sockets

from services.gateway.certificate import development_certificate
from services.gateway.server import UNSENT_BYTES, _listen, check_ports, hypercorn_config


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


def test_processes_that_want_a_certificate_at_once_get_one_and_its_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(development_certificate, [tmp_path] * 8))
    (certificate,) = made
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate.chain, certificate.key)
    assert {path.name for path in tmp_path.iterdir()} == {"localhost.crt", "localhost.key"}


def test_a_port_is_taken_also_when_whoever_has_it_would_share_it() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        config = hypercorn_config("127.0.0.1", other.getsockname()[1], 0, None, workers=2)
        with pytest.raises(OSError, match="in use"):
            check_ports(config)
