"""Kraken spot: WebSocket v2 and public REST (docs.kraken.com)."""

from simulator.venues.kraken.venue import Kraken

__all__ = ["Kraken"]
