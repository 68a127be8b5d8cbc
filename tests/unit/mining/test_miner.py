"""The miner: what it proposes, and what it never lets into a codebook."""

from __future__ import annotations

import random

import pytest

from aura_stream import Codebook, HybridCodec, Miner
from aura_stream.codec import Proposal, Template
from aura_stream.codec.lexer import lex
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


def test_traffic_of_another_shape_opens_a_generation_and_old_frames_decode() -> None:
    book = mined(log_lines(200))
    frames = HybridCodec(book).encode_batch(log_lines(50))
    other = [b'{"order":%d,"state":"shipped","parcel":"P%d"}' % (n, n * 3) for n in range(200)]
    longer = mined(other, book)
    assert len(longer.generations) == 2
    assert HybridCodec(longer).decode_batch(frames) == log_lines(50)


def test_a_little_new_is_appended_to_the_generation() -> None:
    book = mined(log_lines(200))
    mixed = log_lines(200)
    for n in range(0, 200, 25):
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


def test_the_sample_is_bounded_and_fair() -> None:
    miner = Miner(sample=2000)
    miner.observe([b"%06d" % n + b"x" * (n * 7 % 100) for n in range(5000)])
    kept = [int(message[:6]) for _, message in miner._kept]
    assert sum(len(message) for _, message in miner._kept) <= 2000
    assert min(kept) < 4000 < max(kept)  # not only the last ones


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
