"""How values travel to Redis and back."""

import msgspec
import pytest

from services.kit.cache import Msgpack
from services.kit.cache.codec import Envelope


class User(msgspec.Struct, frozen=True):
    name: str
    age: int


@pytest.mark.parametrize("value", [None, 0, "text", [1, 2.5], {"a": None}, b"bytes"])
def test_plain_data_comes_back_as_it_was(value):
    envelope = Envelope(Msgpack(), schema=1)
    assert envelope.open(envelope.seal(value)) == value


def test_a_typed_codec_gives_back_the_type():
    envelope = Envelope(Msgpack[User](User), schema=1)
    assert envelope.open(envelope.seal(User("Ada", 36))) == User("Ada", 36)


@pytest.mark.parametrize(
    "sealed", [b"", b"\x01", Envelope(Msgpack(), schema=2).seal("x"), Envelope(Msgpack(), schema=1).seal("x")]
)
def test_what_another_release_wrote_is_refused(sealed):
    with pytest.raises(ValueError, match=r"envelope|Expected"):
        Envelope(Msgpack[User](User), schema=1).open(sealed)
