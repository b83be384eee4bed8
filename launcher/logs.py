"""The log files of a stack."""

import os
from pathlib import Path

SIZE_LIMIT = 20 * 2**20  # bytes; then the file becomes `.log.1` and a new one begins


class LogFile:
    """One process's output on disk, the run before kept as `.log.1`; readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def write(self, line: str) -> None:
        """Append a line."""
        self._size += os.write(self._file, (line + "\n").encode())
        if self._size > SIZE_LIMIT:
            self.close()
            self._open()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _open(self) -> None:
        if self._path.exists():
            self._path.replace(self._path.with_suffix(".log.1"))
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._size = 0
