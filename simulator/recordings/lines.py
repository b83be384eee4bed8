"""The two line formats of recordings, read one line at a time from plain or gzipped files.

1723161254087891268 {"stream":...}      receive time in nanoseconds, then the frame
1618677817.079694: {"type":"ticker"...  receive time in decimal seconds, then the frame
wss://host/path <-> 1618677816.84       (also `<-` and `->`: sockets opened, sent frames, REST answers)
"""

import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, cast

from simulator.market import NANOSECOND_PER_SECOND

GZIP_MAGIC = b"\x1f\x8b"
HEAD_LENGTH = 64  # bytes of a line in which its time must end


def open_lines(path: Path) -> BinaryIO:
    """The file for reading, unpacked when it is gzipped. Raises OSError."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    return cast("BinaryIO", gzip.open(path, "rb")) if packed else path.open("rb")


def received_frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """Receive time (nanoseconds) and frame of each received line, in file order. Other lines are passed over."""
    with open_lines(path) as file:
        for line in file:
            found = received_frame(line)
            if found is not None:
                yield found


def received_frame(line: bytes) -> tuple[int, bytes] | None:
    """Time and frame of one line; None when the line is not a received frame."""
    space = line.find(b" ", 0, HEAD_LENGTH)
    head = line[: max(0, space)]
    if head.isdigit():
        return int(head), line[space + 1 :].rstrip()
    if head.endswith(b":") and head[:-1].replace(b".", b"", 1).isdigit():
        return nanoseconds(head[:-1].decode()), line[space + 1 :].rstrip()
    return None


def nanoseconds(decimal_seconds: str) -> int:
    """Nanoseconds of a time in decimal seconds, exactly."""
    return int(Decimal(decimal_seconds) * NANOSECOND_PER_SECOND)
