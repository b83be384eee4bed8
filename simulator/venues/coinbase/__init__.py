"""Coinbase Exchange: public WebSocket feed and REST (docs.cdp.coinbase.com/exchange)."""

from simulator.venues.coinbase.venue import Coinbase

__all__ = ["Coinbase"]
