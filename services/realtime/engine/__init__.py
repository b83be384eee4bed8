"""An Engine.IO v4 server on aiohttp: sessions over long polling and WebSocket, without a task or timer for each.

http      requests: handshake, polls, posts, upgrades, origins
session   one client: what it sends, what it is sent, whether it still answers pings
polling   websocket  probe: the two transports, and the change from one to the other
wheel     one timer for all pings        frames  packets: the wire formats, pure

Protocol: socketio/socket.io, docs/engine.io-protocol/v4-current.md, and RFC 6455.
"""
