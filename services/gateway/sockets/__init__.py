"""/socket.io/ forwarded to realtime, both ways: long polling as HTTP, and WebSocket frames one by one."""
