"""Answers at hand: what an application can say at once, without being called.

Calling an ASGI application takes a task, two awaited messages and a scope. An application with a method `at_hand` is
asked first for the requests that have no body; where it has an answer, that is all there is to do. One that is called
all the same knows by the extension AT_HAND in its scope that it was asked.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from services.gateway.http2.request import Header

AT_HAND = "cryptovault.at_hand"

Question = tuple[Any, ...]  # the words of a GET and who says them


class Ready(NamedTuple):
    """A whole answer."""

    status: int
    headers: list[Header]
    body: bytes


AtHand = Callable[[Question], Ready | None]


def question(
    raw_path: bytes, query: bytes, scheme: str, client: tuple[str, int] | None, headers: Sequence[Header]
) -> Question:
    """Equal for requests that are equal word for word and come from the same address."""
    return (raw_path, query, scheme, client and client[0], *headers)
