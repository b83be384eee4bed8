"""The HTTP/2 engine: serves HTTP/2 inside Hypercorn, which keeps configuration, sockets, TLS, lifespan and WebSockets.

serving     the server: Hypercorn's lifespan, the listeners, the end
front       the first protocol of every connection; hands it to `connection`, or to HTTP/1.1 of our own
connection  one HTTP/2 connection: bytes in, events to streams, one write per turn of the event loop
stream      one request and its answer, as ASGI sees them; `websocket` the same for RFC 8441
http1       WebSockets over HTTP/1.1, by Hypercorn; `bounded_socket` and `socket_tasks` for both protocols
request     what the header fields of a request mean, and which are refused; `response` the fields of an answer
codec       libnghttp2, by way of ngh2; the only module that knows it
limits      every limit; `meter`, `buckets` and `patience` enforce them; `statistics` counts what they did
"""
