"""Realtime: Socket.IO streams of prices, candles and user events."""
