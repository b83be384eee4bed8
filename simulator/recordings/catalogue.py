"""What a folder of recordings holds: which files can be replayed, for which venue, and why the others cannot."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from simulator.market import Frame
from simulator.recordings.lines import open_lines, received_frame, received_frames
from simulator.recordings.readers import Reader, binance_reader, coinbase_reader, kraken_reader

READERS: dict[str, Callable[[], Reader]] = {
    "binance": binance_reader,
    "coinbase": coinbase_reader,
    "kraken": kraken_reader,
}
HOSTS = {
    "stream.binance.com": "binance",
    "ws-feed.pro.coinbase.com": "coinbase",
    "ws-feed.exchange.coinbase.com": "coinbase",
    "ws.kraken.com": "kraken",
}
FUTURES_MARKS = (b'"pu":', b'"e":"bookTicker"', b'"X":"MARKET"', b'"ps":')  # fields that spot frames never have
SNIFFED_LINES = 50

log = logging.getLogger(__name__)


class Unplayable(Exception):
    """A file of received frames that cannot be replayed; the text says why."""


class NotARecording(Unplayable):
    """A file that holds no received frames at all (a licence, an instrument list)."""


@dataclass(frozen=True)
class Recording:
    """A file that can be replayed, and how many frames of each channel and symbol it holds."""

    path: Path
    venue: str
    counts: Counter[tuple[str, str]]

    @property
    def symbols(self) -> list[str]:
        """The markets in it, most frames first."""
        totals: Counter[str] = Counter()
        for (_, symbol), count in self.counts.items():
            totals[symbol] += count
        return [symbol for symbol, _ in totals.most_common()]

    def of_channel(self, channel: str) -> int:
        """The number of frames of a channel."""
        return sum(count for (name, _), count in self.counts.items() if name == channel)

    def frames(self) -> Iterator[tuple[int, Frame]]:
        """Receive time (nanoseconds) and frame, in order. Raises OSError."""
        return replayed_frames(self.path, self.venue)


def replayed_frames(path: Path, venue: str) -> Iterator[tuple[int, Frame]]:
    """The frames of a file that its venue replays."""
    read = READERS[venue]()
    for received_ns, payload in received_frames(path):
        frame = read(received_ns, payload)
        if frame is not None:
            yield received_ns, frame


def discover(folder: Path) -> list[Recording]:
    """All recordings below a folder; files that cannot be replayed are named in one log line."""
    recordings, ignored, others = [], defaultdict(list), 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            recordings.append(examine(path))
        except NotARecording:
            others += 1
        except Unplayable as error:
            ignored[str(error)].append(path.name)
    reasons = "; ".join(f"{reason}: {', '.join(names)}" for reason, names in sorted(ignored.items()))
    names = ", ".join(item.path.name for item in recordings)
    log.info("recordings: %s; ignored: %s; %d other files", names, reasons, others)
    return recordings


def examine(path: Path) -> Recording:
    """Read a file through once. Raises Unplayable."""
    try:
        venue = venue_of(path)
        counts = Counter((frame.channel, frame.symbol) for _, frame in replayed_frames(path, venue))
    except (OSError, EOFError, ValueError, LookupError) as error:  # msgspec's errors are ValueErrors
        raise Unplayable(f"damaged ({error})") from error
    if not counts:
        raise Unplayable("no ticker or trade frames")
    return Recording(path, venue, counts)


def venue_of(path: Path) -> str:
    """The venue whose frames a file holds, told from its first lines. Raises Unplayable."""
    with open_lines(path) as file:
        lines = [line for line, _ in zip(file, range(SNIFFED_LINES), strict=False)]
    address = next((line.split()[0] for line in lines if line.startswith(b"wss://")), b"")
    if address:
        host = urlsplit(address.decode()).hostname or ""
        if host not in HOSTS:
            raise Unplayable("venues that the simulator does not speak")
        return HOSTS[host]
    frames = [found[1] for line in lines if (found := received_frame(line)) is not None]
    if not any(frame.startswith(b'{"stream":"') for frame in frames):
        raise NotARecording
    if any(mark in frame for frame in frames for mark in FUTURES_MARKS):
        raise Unplayable("Binance futures, of which the simulator speaks spot only")
    return "binance"
