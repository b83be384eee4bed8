"""The policies that every request passes, one per file, from the outside inwards:

    tracing → security_headers → conditional → compression → problems → cors → identity → routing → deadline →
    body (its declared length) → authentication → rate_limit → body (reading it) → response_cache → admission →
    serving: the route's handler

A policy wraps the next handler; it may answer itself, change the exchange, or look at the answer. `edge` turns ASGI
into exchanges and answers back into ASGI.
"""
