"""Ties a process's life to its parent's (Linux, prctl(2)), so that even `kill -9` of the launcher leaves none behind.

Run as a script it is the shim each process is started through: `death.py SIGNAL PARENT_PID COMMAND…` sets the tie and
becomes the command. It is a script, not a `preexec_fn`, because Python code between fork and exec is unsafe beside
gRPC's threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_PTRACER = 0x59616D61
ANY_PROCESS = ctypes.c_ulong(-1)


def die_with_parent(signal_number: int, parent: int) -> None:
    """Have the kernel send this process `signal_number` when its parent exits; exit now if `parent` is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os._exit(0)


def allow_profiling() -> None:
    """Let `make profile` look into this process where Yama would forbid it (other users still can't)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PTRACER, ANY_PROCESS, 0, 0, 0)


def become(arguments: list[str]) -> None:
    """Set the tie and run the command in this process's place."""
    signal_number, parent, *command = arguments
    die_with_parent(int(signal_number), int(parent))
    allow_profiling()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp(command[0], command)


if __name__ == "__main__":
    become(sys.argv[1:])
