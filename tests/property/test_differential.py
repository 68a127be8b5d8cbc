"""The codec and the decoder that was written from the document alone never disagree."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from aura_stream import HybridCodec
from tests.golden.frozen import Decoders, Frozen, decoders
from tests.golden.frozen import frames as golden_frames
from tests.property.messages import FRAGMENTS
from tests.unit.codec.books import mined, sample_messages

WHOLE = st.sampled_from(sample_messages())
MESSAGES = st.one_of(
    WHOLE,
    st.binary(max_size=300),
    st.text(max_size=200).map(str.encode),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), WHOLE, st.binary(max_size=6)), max_size=8).map(b"".join),
)
MARKERS = st.sampled_from([0x82, 0x99, 0xFC, 0xFD, 0xFE, 0xC1, 0xAF, 0x98])
ITEMS = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.integers(0, 0xFF).map(lambda code: bytes((code,))),
        st.builds(
            lambda kind, parameter, payload: bytes((0xFB, kind, parameter)) + payload,
            st.integers(0, 15),
            st.integers(0, 0xBF),
            st.binary(max_size=16),
        ),
        st.builds(
            lambda form, fraction, payload: b"\xfb\x08" + _two_bytes(form << 4 | fraction) + payload,
            st.integers(0, 22),
            st.integers(0, 10),
            st.binary(min_size=1, max_size=9),
        ),
    ),
    max_size=8,
).map(b"".join)


def _two_bytes(value: int) -> bytes:
    return bytes((value,)) if value < 192 else (0xC000 + value - 192).to_bytes(2, "big")


@cache
def _trained() -> Decoders:
    return Decoders(mined(check_bytes=0).to_bytes())


@settings(max_examples=150, deadline=None)
@given(MESSAGES, st.sampled_from(["batched", "standalone"]))
def test_whatever_the_codec_writes_the_independent_decoder_reads(message: bytes, destination: str) -> None:
    both = _trained()
    frame = HybridCodec(both.codec.codebook, "batched" if destination == "batched" else "standalone").encode(message)
    assert both.independent(frame) == message


def test_every_sample_message_is_read_by_the_independent_decoder() -> None:
    both = _trained()
    codec = HybridCodec(both.codec.codebook)
    for message in sample_messages():
        assert both.independent(codec.encode(message)) == message


@settings(max_examples=800, deadline=None)
@given(MARKERS, ITEMS)
def test_both_decoders_agree_on_random_frames(marker: int, body: bytes) -> None:
    for both in (_trained(), decoders("check0")):
        both.agree(bytes((marker,)) + body)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_both_decoders_agree_on_random_bytes(frame: bytes) -> None:
    _trained().agree(frame)
    decoders("marked").agree(frame)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([each for each in golden_frames() if each.frame]), st.data())
def test_both_decoders_agree_on_golden_frames_with_a_part_replaced(golden: Frozen, data: st.DataObject) -> None:
    frame, book = golden.frame, golden.book
    start = data.draw(st.integers(0, len(frame)))
    end = data.draw(st.integers(start, min(len(frame), start + 8)))
    decoders(book).agree(frame[:start] + data.draw(st.binary(max_size=8)) + frame[end:])
