"""Times on the wire: RFC 3339 with microseconds, and Unix milliseconds."""

import datetime
import time

from simulator.market import NANOSECOND_PER_SECOND

NANOSECOND_PER_MILLISECOND = 1_000_000
MINUTE = 60  # seconds
DAY = 86_400  # seconds
FAR_FUTURE = 1 << 40  # seconds; later than any bar


def rfc3339(time_ns: int) -> str:
    """`2021-04-17T16:43:30.244075Z`, as Coinbase and Kraken print times."""
    seconds, rest = divmod(time_ns, NANOSECOND_PER_SECOND)
    moment = time.gmtime(seconds)
    return (
        f"{moment.tm_year:04d}-{moment.tm_mon:02d}-{moment.tm_mday:02d}"
        f"T{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d}.{rest // 1000:06d}Z"
    )


def now_rfc3339() -> str:
    """The current time as RFC 3339 text."""
    return rfc3339(time.time_ns())


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time. Raises ValueError."""
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * NANOSECOND_PER_SECOND + moment.microsecond * 1000


def milliseconds(time_ns: int) -> int:
    """Unix milliseconds, as Binance prints times."""
    return time_ns // NANOSECOND_PER_MILLISECOND
