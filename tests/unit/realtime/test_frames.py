"""Frames of clients, RFC 6455."""

import struct

import pytest

from services.realtime.domain.frames import BINARY, TEXT
from services.realtime.engine.frames import CLOSE, CONTINUATION, PING, FrameError, FrameReader

MASK = b"\x37\xfa\x21\x3d"


def masked(payload: bytes, opcode: int = TEXT, final: bool = True) -> bytes:
    length = len(payload)
    if length < 126:
        size = struct.pack("!B", 0x80 | length)
    else:
        size = struct.pack("!BH", 0xFE, length) if length < 1 << 16 else struct.pack("!BQ", 0xFF, length)
    body = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes([opcode | (0x80 if final else 0)]) + size + MASK + body


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 125, 126, 65_535, 65_536])
def test_a_message_is_unmasked_whatever_its_length(length):
    payload = bytes(index % 251 for index in range(length))
    assert FrameReader(1 << 20).feed(masked(payload, BINARY)) == [(BINARY, payload)]


def test_the_example_of_the_rfc():
    assert FrameReader(100).feed(bytes.fromhex("818537fa213d7f9f4d5158")) == [(TEXT, b"Hello")]


def test_frames_may_arrive_byte_by_byte_or_together():
    data, reader = masked(b"one") + masked(b"x" * 200) + masked(b"", PING), FrameReader(1000)
    one_by_one = [message for byte in data for message in reader.feed(bytes([byte]))]
    assert one_by_one == FrameReader(1000).feed(data) == [(TEXT, b"one"), (TEXT, b"x" * 200), (PING, b"")]


def test_fragments_are_put_together_and_control_frames_may_come_between():
    data = masked(b"ab", TEXT, final=False) + masked(b"!", PING) + masked(b"c", CONTINUATION, final=False)
    assert FrameReader(10).feed(data + masked(b"d", CONTINUATION)) == [(PING, b"!"), (TEXT, b"abcd")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x01x", 1002),  # no mask
        (b"\xc1\x80" + MASK, 1002),  # reserved bit: a compressed frame that nobody agreed to
        (b"\x83\x80" + MASK, 1002),  # unknown opcode
        (masked(b"x", PING, final=False), 1002),
        (masked(b"x" * 126, CLOSE), 1002),
        (masked(b"x", CONTINUATION), 1002),
        (masked(b"a", TEXT, final=False) + masked(b"b", TEXT), 1002),
        (masked(b"x" * 101), 1009),
        (b"\x81\xff" + b"\xff" * 8 + MASK, 1009),  # refused before it is there
        (masked(b"x" * 60, TEXT, final=False) + masked(b"x" * 60, CONTINUATION), 1009),
        (masked(b"", TEXT, final=False) + masked(b"", CONTINUATION, final=False) * 128, 1009),
    ],
)
def test_a_broken_frame_ends_with_the_code_of_the_rfc(data, code):
    with pytest.raises(FrameError) as broken:
        FrameReader(100).feed(data)
    assert broken.value.code == code
