"""Recorded exchange traffic, found by path and replayed through the fake exchanges' sockets."""

from simulator.recordings.source import RecordingsSource

__all__ = ["RecordingsSource"]
