"""Answers at hand: what an application can say at once, without being called.

Calling an ASGI application takes a task, awaited messages, and a request that is understood. An application with a
method `at_hand` is asked first, for every request that has no body, by the request's words as they came. Where it has
an answer, that is all there is to do. Else it is called, and finds in its scope what it was asked (AT_HAND).
"""

from collections.abc import Callable
from typing import Any

import msgspec

from services.gateway.http2.request import Header

AT_HAND = "cryptovault.at_hand"

Question = tuple[Any, ...]  # the scheme, the client's address, and the head of the request: equal word for word


class Ready(msgspec.Struct, frozen=True, gc=False):
    """A whole answer to a GET."""

    status: int
    headers: list[Header]  # as `response.checked` gives them: they are sent without another look
    body: bytes


AtHand = Callable[[Question], Ready | None]
