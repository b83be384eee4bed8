"""The elements of an answer's lists, turned into JSON once: the same price is in the answers to many questions."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from google.protobuf.message import Message

MOST = 1000  # elements that are kept
LARGEST = 1024  # bytes of one that is

_json = msgspec.json.Encoder()


class Elements:
    """Turns a list's messages into JSON, and keeps it by what they are: what has changed is another message."""

    def __init__(self, to_plain: Callable[[Message], Any]) -> None:
        self._to_plain = to_plain
        self._kept: dict[bytes, msgspec.Raw] = {}

    def __call__(self, messages: Iterable[Message]) -> list[Any]:
        """What a JSON writer takes for the list."""
        return [self._element(message) for message in messages]

    def _element(self, message: Message) -> Any:
        words = message.SerializeToString()
        found = self._kept.get(words)
        if found is not None:
            return found
        plain = self._to_plain(message)
        if len(words) > LARGEST:
            return plain
        if len(self._kept) >= MOST:
            self._kept.clear()
        kept = self._kept[words] = msgspec.Raw(_json.encode(plain))
        return kept
