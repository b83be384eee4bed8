"""Binance spot: market streams and public REST (developers.binance.com)."""

from simulator.venues.binance.venue import Binance

__all__ = ["Binance"]
