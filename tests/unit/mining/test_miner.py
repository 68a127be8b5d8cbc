"""The miner: what it proposes, and what it never lets into a codebook."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable

import msgpack
import pytest

from aura_stream import Codebook, HybridCodec, Miner
from aura_stream.codec import Proposal, Template, lexer
from aura_stream.codec.lexer import lex
from aura_stream.mining import entropy
from aura_stream.mining.birth import birth_of
from aura_stream.mining.proof import MOST, split


def log_lines(count: int, seed: int = 1, service: str = "orders") -> list[bytes]:
    rng = random.Random(seed)
    return [
        b"2024-05-15T15:%02d:%02d.%03dZ INFO %s request %d finished with %d in %d ms from 10.0.%d.%d"
        % (n // 60 % 60, n % 60, n % 1000, service.encode(), n, rng.choice([200, 404]), *rng.sample(range(250), 3))
        for n in range(count)
    ]


def mined(messages: list[bytes], book: Codebook | None = None, **options: int) -> Codebook:
    miner = Miner(**options)
    miner.observe(messages)
    book = book or Codebook()
    return book.extended(miner.propose(book))


def size(book: Codebook, messages: list[bytes]) -> int:
    frames = HybridCodec(book).encode_batch(messages)
    assert HybridCodec(book).decode_batch(frames) == messages
    return sum(map(len, frames))


def test_log_lines_become_a_fraction_of_themselves() -> None:
    book = mined(log_lines(200))
    later = log_lines(400)[200:]
    assert size(book, later) * 4 < sum(map(len, later))


def test_the_same_observations_give_the_same_proposal() -> None:
    assert mined(log_lines(200)).digest == mined(log_lines(200)).digest


def test_nothing_observed_nothing_proposed() -> None:
    assert not Miner().propose(Codebook())
    miner = Miner()
    miner.observe([b"", b"x" * 40_000, b"one"])
    assert not miner.propose(Codebook())


def test_noise_gives_an_empty_proposal() -> None:
    rng = random.Random(5)
    assert mined([rng.randbytes(60) for _ in range(200)]) == Codebook()


def test_what_the_book_knows_already_is_not_proposed_again() -> None:
    book = mined(log_lines(200))
    assert mined(log_lines(200), book) == book


def orders(count: int, first: int = 0) -> list[bytes]:
    return [b'{"order":%d,"state":"shipped","parcel":"P%d"}' % (n, n * 3) for n in range(first, first + count)]


def test_traffic_of_another_shape_is_learned_and_old_frames_decode() -> None:
    book = mined(log_lines(200))
    frames = HybridCodec(book).encode_batch(log_lines(50))
    longer = mined(orders(200), book)
    assert size(longer, orders(50, 300)) * 3 < sum(map(len, orders(50, 300)))
    assert HybridCodec(longer).decode_batch(frames) == log_lines(50)


def test_a_generation_is_opened_where_a_new_ranking_makes_held_out_messages_smaller() -> None:
    crowded = Codebook().extended(Proposal([Template((b"%d" % n, b"!")) for n in range(400)], opens=True))
    longer = mined(orders(300), crowded)  # appended, each code would take two bytes
    assert len(longer.generations) == 2
    assert size(longer, orders(50, 300)) * 4 < sum(map(len, orders(50, 300)))


def test_what_was_learned_stays_a_candidate_when_a_generation_is_opened() -> None:
    crowded = Codebook().extended(Proposal([Template((b"%d" % n, b"!")) for n in range(400)], opens=True))
    newest = mined(orders(300), crowded).newest
    assert newest is not None
    assert Template((b"7", b"!")).digest in newest.digests


def test_a_little_new_is_appended_to_the_generation() -> None:
    book = mined(log_lines(200))
    mixed = log_lines(200)
    for n in range(0, 200, 24):
        mixed[n] += b" cached"
    longer = mined(mixed, book)
    assert len(longer.generations) == 1
    assert book.newest is not None
    assert longer.newest is not None
    assert longer.newest.templates[: len(book.newest.templates)] == book.newest.templates
    assert size(longer, mixed) < size(book, mixed)


def test_messages_without_a_common_phrase_still_share_words() -> None:
    messages = [
        b" ".join(random.Random(n).sample([b"alpha", b"beta", b"gamma", b"delta", b"eps"], 5)) for n in range(90)
    ]
    assert size(mined(messages), messages) * 2 < sum(map(len, messages))


def test_long_messages_become_several_templates() -> None:
    message = b",".join(b"field%c=%%d" % (65 + n) for n in range(26))
    messages = [message % tuple(range(n, n + 26)) for n in range(60)]
    book = mined(messages)
    assert book.newest is not None
    assert max(len(template.symbols) for template in book.newest.templates) <= 64
    assert size(book, messages) * 3 < sum(map(len, messages))


def test_progress_is_told() -> None:
    steps: list[str] = []
    miner = Miner()
    miner.observe(log_lines(100))
    miner.propose(Codebook(), steps.append)
    assert "ranking templates" in steps


@pytest.mark.parametrize("value", [None, "text", bytearray(b"x")])
def test_only_bytes_are_observed(value: object) -> None:
    with pytest.raises(TypeError):
        Miner().observe([value])  # type: ignore[list-item]


def test_private_values_never_get_into_a_book() -> None:
    secrets = [
        b"anna.lind@mail.example",
        b"4111 1111 1111 1111",
        b"hunter22swordfish",
        b"AKIAIOSFODNN7EXAMPLE",
        b"f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        b"9f86d081884c7d659a2feaa0c55ad015",
        b"Zx8Kq2LmP0vT7wYb",
        b"8675309123",
    ]
    messages = [
        b'{"n":%d,"mail":"%b","card":"%b","password":"%b","key":"%b","id":"%b","hash":"%b","nonce":"%b","phone":%b}'
        % (n, *secrets)
        for n in range(60)
    ]
    data = mined(messages).to_bytes()
    assert data
    for secret in [*secrets, b"lind", b"hunter", b"swordfish"]:
        assert secret not in data


def test_a_name_in_too_few_messages_never_gets_into_a_book() -> None:
    messages = log_lines(300)
    for n in range(4):
        messages[n * 60] += b" for Wolfgang Kapellmeister"
    data = mined(messages).to_bytes()
    assert b"Kapellmeister" not in data
    assert b"Wolfgang" not in data
    five = log_lines(300)
    for n in range(12):
        five[n * 25] += b" for Wolfgang Kapellmeister"
    assert b"Kapellmeister" in mined(five).to_bytes()


def test_the_number_of_distinct_messages_can_be_chosen() -> None:
    messages = log_lines(300)
    for n in range(12):
        messages[n * 25] += b" for Wolfgang Kapellmeister"
    assert b"Kapellmeister" not in mined(messages, distinct_messages=20).to_bytes()


def test_the_last_messages_are_held_out() -> None:
    messages = [b"%d" % n for n in range(10)]
    assert split(messages) == (messages[:8], messages[8:])
    large = [bytes(1000)] * (2 * MOST // 1000)
    mined_part, held_out = split(large)
    assert sum(map(len, mined_part + held_out)) <= MOST


def test_birth_is_about_when_the_messages_were_written() -> None:
    assert birth_of([lex(b"no time at all")]) == 0
    assert birth_of([lex(line) for line in log_lines(100)]) == 1715785200 + 94
    assert birth_of([lex(b"10:05:03 up")]) == 0


def test_a_proposal_to_append_goes_behind_what_is_there() -> None:
    book = Codebook().extended(Proposal([Template((b"a",))], opens=True))
    longer = book.extended(Proposal([Template((b"a",)), Template((b"b",))]))
    assert longer.newest is not None
    assert [template.symbols for template in longer.newest.templates] == [(b"a",), (b"b",)]


def learned(*passes: list[bytes], **options: int) -> tuple[Miner, Codebook]:
    """Let one miner see the messages of each pass, and propose after each."""
    miner = Miner(**options)
    book = Codebook()
    for messages in passes:
        miner.observe(messages)
        book = book.extended(miner.propose(book))
    return miner, book


def test_a_shape_seen_three_times_is_learned_from_the_next_pass() -> None:
    rare = [b"WARN cache of orders finished with %d ms" % n for n in range(400, 405)]
    later = log_lines(40, seed=7)
    for place, line in zip((3, 14, 25, 37), rare, strict=False):  # the last one is held out
        later[place] = line
    _, book = learned(log_lines(200), later)
    before = learned(log_lines(200))[1]
    assert size(book, rare[4:]) < size(before, rare[4:])


def test_phrases_grow_to_whole_messages_over_passes() -> None:
    passes = [log_lines(200), *(orders(40, first) for first in range(0, 200, 40))]
    _, book = learned(*passes)
    frames = HybridCodec(book, "batched").encode_batch(orders(10, 1000))
    assert max(map(len, frames)) < 10


def test_a_value_that_no_longer_varies_becomes_a_literal() -> None:
    varied = [b"shard %d of %d answered in %d ms" % (n % 7, 300 + n, n * 7) for n in range(300)]
    fixed = [b"shard %d of %d answered in %d ms" % (n % 7, 4096, n * 7) for n in range(300)]
    _, book = learned(varied, fixed, fixed)
    assert any(b"4096" in template.symbols and len(template.symbols) > 3 for template in _newest(book))


def _newest(book: Codebook) -> tuple[Template, ...]:
    assert book.newest is not None
    return book.newest.templates


def test_templates_to_append_come_with_the_best_first() -> None:
    """So that whoever has a budget keeps the best of them."""
    miner, book = learned(log_lines(200))
    miner.observe(orders(200))
    miner._next_trial = 1 << 40
    best, *others = miner.propose(book).templates
    later = orders(20, 900)
    alone = [size(book.extended(Proposal([each])), later) for each in (best, others[-1])]
    assert alone[0] < alone[1]


def test_it_explains_what_was_promoted_and_refused_and_masks_values() -> None:
    miner, book = learned(log_lines(200))
    miner.observe(orders(200))
    miner._next_trial = 1 << 40
    assert miner.propose(book)
    lines = miner.explain()
    promoted = [line for line in lines if line.startswith("promoted")]
    assert any("{int}" in line and "shipped" in line and "bits before" in line for line in promoted)


def test_what_held_out_messages_do_not_use_is_refused() -> None:
    miner, book = learned(log_lines(200))
    miner.observe([*orders(40), *log_lines(12, seed=9)])
    assert not miner.propose(book)
    assert any("held-out messages gain nothing" in line for line in miner.explain())
    miner.observe(orders(40, 100))
    assert miner.propose(book)  # what was seen before is not forgotten


def test_a_miner_goes_on_from_its_snapshot() -> None:
    rare = [line + b" for Wolfgang Kapellmeister" for line in log_lines(9, seed=3)]
    miner, book = learned(log_lines(200), rare[:4])
    snapshot = miner.snapshot()
    assert b"Kapellmeister" not in snapshot
    restored = Miner.restored(snapshot)
    restored.observe(rare[4:7])
    fresh = Miner()
    fresh.observe(rare[4:7])
    assert b"Kapellmeister" in book.extended(restored.propose(book)).to_bytes()
    assert b"Kapellmeister" not in book.extended(fresh.propose(book)).to_bytes()


@pytest.mark.parametrize(
    "damaged",
    [b"", b"x", b"\xc1", msgpack.packb([9, 0, 0, [], []]), msgpack.packb([1, 0, 0, [b"a"], []]),
     msgpack.packb([1, 0, "0", [], []]), msgpack.packb([1, 0, 0, ["a"], [1]]), msgpack.packb([1, 0, 0, [b"a"], ["1"]])],
)  # fmt: skip
def test_what_is_no_snapshot_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="not a snapshot"):
        Miner.restored(damaged)


@pytest.mark.untraced
def test_memory_is_flat_under_a_flood_of_unique_shapes() -> None:
    rng = random.Random(4)
    miner = Miner(memory=4 << 20)
    book = Codebook().extended(Proposal([Template((b"a", b" "))], opens=True))
    peaks = []
    tracemalloc.start()
    try:
        for _ in range(9):
            miner.observe([b" ".join(_word(rng) for _ in range(rng.randrange(4, 24))) for _ in range(900)])
            miner._next_trial = 1 << 40
            miner.propose(book)  # not taken: the book is not the miner's
            peaks.append(tracemalloc.get_traced_memory()[1])
            lexer._alnum.cache_clear()  # bounded too, but shared with the codec, and full only after a while
            entropy._random_parts.cache_clear()
            tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()
    assert max(peaks) < (4 << 20) + (8 << 20)  # what it found takes a few MiB however little it may keep
    assert max(peaks[6:]) < 1.1 * max(peaks[3:6])


def _tiny(rng: random.Random) -> bytes:
    return b"%x" % rng.randrange(1 << 20)


def _marks(rng: random.Random) -> bytes:
    return bytes(rng.choices(b"!#$%&()*+,-./:;<=>?@[]^_{|}~", k=rng.randrange(6, 200)))


def _letters(rng: random.Random) -> bytes:
    return b" ".join(bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=1)) for _ in range(70))


@pytest.mark.untraced
@pytest.mark.parametrize("message", [_tiny, _marks, _letters])
def test_memory_is_kept_under_a_flood_of_tiny_tokens(message: Callable[[random.Random], bytes]) -> None:
    rng = random.Random(6)
    miner = Miner(memory=4 << 20)
    book = Codebook().extended(Proposal([Template((b"a", b" "))], opens=True))
    peaks = []
    tracemalloc.start()
    try:
        for _ in range(3):
            size = 0
            while size < 120_000:  # more than is kept
                size += len(flood := message(rng))
                miner.observe([flood])
            miner._next_trial = 1 << 40
            miner.propose(book)
            peaks.append(tracemalloc.get_traced_memory()[1])
            lexer._alnum.cache_clear()
            entropy._random_parts.cache_clear()
            tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()
    assert max(peaks) < (4 << 20) + (3 << 20)


def _word(rng: random.Random) -> bytes:
    return bytes(rng.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(2, 9)))
