"""HTTP/1.1 (RFC 9112), as strict as it allows: one meaning for every byte, whoever stands in front.

A head is matched as a whole against the grammar, so what the grammar does not know (a bare line feed, a folded line, a
space before a colon, a null byte) is refused whatever it was meant for. WebSockets are handed to Hypercorn.
"""
