"""Prices: the exchanges' feeds, one honest price per symbol, and its candles."""
