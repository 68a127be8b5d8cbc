"""Keys and tokens look random; words, names and paths do not."""

from __future__ import annotations

import random
import string

import pytest

from aura_stream.mining.entropy import is_random, random_spans


def random_texts(message: bytes) -> list[bytes]:
    return [message[start:end] for start, end in random_spans(message)]


@pytest.mark.parametrize(
    "key",
    [
        b"q8zr4wkx0tmv",  # letters of one case, and digits
        b"QNXHJ7QRANSATUBUOVLWXABV6IOSKLKL",  # base32: few digits
        b"hjkkkxeaywzlyyftvrnh",  # letters alone
        b"OKwluhISxelxLWxXMAxE",
        b"SxKtQyWzVaBcDeFgHj",
        b"8xwfatcgibqp",
        b"6D7N-11KY-X3J1-8YTE",  # in groups
        b"5LP0D-D4KMU-YAMPR-HV8OT-EJXE5",
        b"kX9-vQ2mZpLr4Tw_YbN8aa",  # base64url, with - and _ where they please
        b"aB3+dEf9/GhJ2kLmN+7",
        b"F81D4fae-7dec-11D0-a765-00a0c91E6bf6",
        b"dzilxnTTf/E26sE/VTIjpkYN",  # base64 whose groups have too few digits
        b"Xq7z" * 60,  # too long to be remembered
    ],
)
def test_keys_look_random_all_of_them(key: bytes) -> None:
    assert random_texts(b"<" + key + b"> said") == [key]


@pytest.mark.parametrize(
    "text",
    [
        b"/usr/lib/python3/dist-packages/requests",
        b"GET /api/v1/users/page2 HTTP/1.1",
        b"ECDHE-RSA-AES128-GCM-SHA256",
        b"CoarseGrainedExecutorBackend",
        b"sha256WithRSAEncryption",
        b"x86_64-unknown-linux-gnu",
        b"R02-M1-N0-C:J12-U11-RAS",
        b"2026-11-21T03:32:26",
        b"123456789012",
        b"wjxqzvkt",  # short: names look like this
    ],
)
def test_names_and_paths_do_not(text: bytes) -> None:
    assert random_texts(text) == []


def test_a_key_inside_of_a_path_leaves_the_path() -> None:
    message = b"GET /users/6D7N-11KY-X3J1-8YTE/items/q8zr4wkx0tmv HTTP/1.1"
    assert random_texts(message) == [b"6D7N-11KY-X3J1-8YTE", b"q8zr4wkx0tmv"]


def test_a_key_between_words_leaves_the_words() -> None:
    assert random_texts(b"frontend-579b9bff58-t2dbm") == [b"-579b9bff58-t2dbm"]
    assert random_texts(b"session_6D7N-11KY-X3J1-8YTE_expired") == [b"_6D7N-11KY-X3J1-8YTE_"]


def test_numbers_and_short_parts_are_not_random() -> None:
    assert not is_random(b"1234567890123456")
    assert not is_random(b"a1b2c3")


@pytest.mark.parametrize(
    "alphabet",
    [
        string.ascii_lowercase + string.digits,
        string.ascii_uppercase + "234567",
        string.ascii_letters,
        string.ascii_letters + string.digits + "-_",
        string.ascii_letters + string.digits + "+/",
    ],
)
def test_nearly_all_keys_of_24_characters_are_found(alphabet: str) -> None:
    draw = random.Random(5)
    keys = ["".join(draw.choices(alphabet, k=24)).encode() for _ in range(500)]
    assert sum(bool(random_spans(b"key " + key)) for key in keys) > 490
