"""The recordings: where they lie, and how their lines are read."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

DEFAULT = Path(__file__).parents[4] / "shared" / "recordings"


class Recordings:
    """Recorded frames, as they came over the wire."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def binance_2024(self, name: str) -> Iterator[bytes]:
        """The WebSocket frames of a file of binance-raw-2024."""
        with gzip.open(self._folder / "binance-raw-2024" / name) as lines:
            for line in lines:
                frame = line.split(b" ", 1)[1].rstrip()
                if frame.startswith(b'{"stream"'):
                    yield frame

    def cryptofeed(self, name: str) -> Iterator[bytes]:
        """The received frames of a file of cryptofeed-raw."""
        for line in (self._folder / "cryptofeed-raw" / name).read_bytes().splitlines():
            stamp, _, frame = line.partition(b": ")
            if stamp.replace(b".", b"").isdigit():
                yield frame

    def answer(self, name: str) -> bytes:
        """The body of the first REST answer in a file of cryptofeed-raw."""
        path = self._folder / "cryptofeed-raw" / name
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return text.splitlines()[0].split(b": ", 1)[1]


@pytest.fixture(scope="session")
def recordings() -> Recordings:
    folder = Path(os.environ.get("CV_RECORDINGS", DEFAULT))
    assert folder.is_dir(), f"no recordings at {folder}: set CV_RECORDINGS to the folder that holds their SOURCES.md"
    return Recordings(folder)
