"""Frames are counted by what made them."""

from __future__ import annotations

from aura_stream import HybridCodec
from aura_stream.codec import count_methods
from tests.unit.codec.books import many_generations


def test_frames_are_counted_by_the_method_that_peek_tells() -> None:
    frames = [b"", b"hello", b"\xc1x", b"\x82\x00", b"\x98\x00", b"\x99x", b"\xafx", b"\xfcx", b"\xfdx", b"\x80"]
    assert count_methods(frames) == {"template": 2, "zstd": 3, "brotli": 1, "raw": 4}
    assert count_methods([]) == {"template": 0, "zstd": 0, "brotli": 0, "raw": 0}


def test_frames_of_late_generations_are_counted_by_their_method() -> None:
    codec = HybridCodec(many_generations(24))
    frames = [b"\xfe\x01\x17\x00", b"\xfe\x02\x17x", b"\xfe\x02\x18x"]
    assert [codec.peek(frame).method for frame in frames] == ["template", "zstd", "zstd"]
    assert count_methods(frames) == {"template": 1, "zstd": 2, "brotli": 0, "raw": 0}
