"""The heads of a connection's requests, found in what arrives."""

import re

from services.gateway.http1.head import Head, check_target
from services.gateway.http2.limits import Limits
from services.gateway.http2.request import Refused

LINE_FAULT = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")  # a line break that is not one


class Heads:
    """Takes heads out of a buffer. Clients repeat themselves: one that comes again is not understood anew."""

    __slots__ = ("_data", "_head", "_limits", "_scanned")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._scanned = 0  # bytes that hold no end and no fault
        self._data = b""  # of the last one, as it came
        self._head: Head | None = None

    def take(self, buffer: bytearray) -> Head | None:
        """The next head, removed from the buffer; None while it has not arrived. Raises Refused."""
        while buffer.startswith(b"\r\n"):
            del buffer[:2]  # RFC 9112 section 2.2: some clients end a body so
            self._scanned = 0
        end = buffer.find(b"\r\n\r\n", max(0, self._scanned - 3))
        size = len(buffer) if end < 0 else end
        if size > self._limits.header_bytes:
            check_target(buffer.partition(b"\r\n")[0].partition(b" ")[2].partition(b" ")[0])
            raise Refused(431, f"the header is larger than {self._limits.header_bytes} bytes")
        if end < 0:
            if LINE_FAULT.search(buffer, max(0, self._scanned - 1)):
                raise Refused(400, "lines end with a carriage return and a line feed")
            self._scanned = size
            return None
        head = self._understand(bytes(buffer[: end + 4]))
        del buffer[: end + 4]
        self._scanned = 0
        return head

    def _understand(self, data: bytes) -> Head:
        if self._head is not None and data == self._data:
            return self._head
        head = Head(data, self._limits)
        self._head, self._data = None if head.has_body else head, data  # an exchange with a body may change its own
        return head
