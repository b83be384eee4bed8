"""The gateway, telling how much memory is in use: how much is resident says only how much once was.

python -m bench.endurance_parts.observed FILE SECONDS

A line each so many seconds: when (seconds since 1970 UTC), and how much (MiB).
"""

import ctypes
import re
import runpy
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import ClassVar

LIBC = ctypes.CDLL(None)
LIBC.fopen.restype = ctypes.c_void_p
LIBC.fclose.argtypes = [ctypes.c_void_p]


class MallInfo(ctypes.Structure):
    """What mallinfo2(3) says of malloc."""

    _fields_: ClassVar = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"
        )
    ]  # fmt: skip


LIBC.mallinfo2.restype = MallInfo


def in_use() -> float:
    """MiB that are allocated and not freed, by C and by Python."""
    malloc = LIBC.mallinfo2()
    return float(malloc.uordblks + malloc.hblkhd + _objects()) / 2**20


def _objects() -> int:
    """Bytes of Python's small objects, which malloc does not know."""
    with tempfile.NamedTemporaryFile() as file:
        stream = LIBC.fopen(file.name.encode(), b"w")
        ctypes.pythonapi._PyObject_DebugMallocStats(ctypes.c_void_p(stream))
        LIBC.fclose(stream)
        found = re.search(rb"# bytes in allocated blocks *= *([\d,]+)", file.read())
    if found is None:
        raise RuntimeError("Python's allocator is not its own: is PYTHONMALLOC set?")
    return int(found[1].replace(b",", b""))


def _tell(file: Path, seconds: float) -> None:
    with file.open("w") as lines:
        while True:
            print(time.time(), in_use(), file=lines, flush=True)
            time.sleep(seconds)


if __name__ == "__main__":
    _, target, period = sys.argv
    threading.Thread(target=_tell, args=(Path(target), float(period)), daemon=True).start()
    sys.argv = ["services.gateway"]
    runpy.run_module("services.gateway", run_name="__main__", alter_sys=True)
