"""Strategies for messages that are hard on the codec's memory: alike, but not alike enough."""

from __future__ import annotations

import random
import re

from hypothesis import strategies as st

VALUES = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-Fa-f]{5,}|[0-9]+")
FRAGMENTS = (
    b"user=42 id=123e4567-e89b-12d3-a456-426614174000 ",
    b"sess=0123456789abcdef ", b"SESS=0123456789ABCDEF ", b"hex=deadbeef01 ", b"0xdeadbeef",
    b"code=0007 ", b"took 12.34 ms", b"rate 0.5 ", b"from 10.0.0.1 to 192.168.255.254",
    b"token=QWxhZGRpbjpvcGVuIHNlc2FtZQ01aB ", b"key=QWxhZGRp_jpvcGVuIHN-c2FtZQ01aB ", b"ref=A1B2C3D4E5F6 ",
    b"2024-05-15T15:00:00Z ", b"2024-05-15 15:00:01,123 ", b"2024-02-29 ", b"15:00:00 ", b"May 05 15:00:00 ",
    b"1715785200 ", b"1715785200123456789 ", b"1715785200.123 ", b"240515 150000 ", b"2024/05/15 15:00:00.5 ",
    b"05-15 15:00:00.123 ", b"15/May/2024:15:00:00 ", b"Wed May 15 15:00:00 2024 ", b"Wed, 15 May 2024 15:00:00 GMT ",
    b"Sun Aug 31 00:29:15 +0000 2014 ", b"9999-12-31T23:59:59.000000000 ",
    b"a=1234 b=1234 ", b"<abc=abc>", b"<1234=1234>", b"name=world12 ", b"GET /api/v1/", b"200 OK ", b"HTTP/1.1 ",
    b"hello world ", b"hello", b"\n", b"testing stuff ", b"x", b"\xc3\xa9t\xc3\xa9 ", b'{"id":12345,"ref":12345}',
    b'"path":"/a/b/c12/d" ', b'"path":"/a/b/c12/d" ', b"0", b"00", b"1 ", b"-7 ", b"18446744073709551615 ",
    b"v1.22.333.4444 ", b"c1d2e3 ", b"1a ", b"550e8400e29b41d4a716446655440000 ", b"\x82", b"\\n\\\"",
)  # fmt: skip


def _mutated(value: bytes, others: list[bytes], rng: random.Random) -> bytes:
    choice = rng.randrange(12)
    if choice < 4:  # the same length, other digits
        return bytes(rng.choice(b"0123456789") if 48 <= byte < 58 else byte for byte in value)
    if choice == 4:
        return bytes(rng.choice(b"0123456789abcdef") if byte != 45 else byte for byte in value)
    if choice == 5:
        return b"0" * rng.randrange(1, 3) + value
    if choice == 6:  # too large for any number
        return value + bytes(rng.choice(b"0123456789") for _ in range(rng.randrange(1, 25)))
    if choice == 7:  # what was equal is no more, what was not is now
        return rng.choice(others)
    if choice == 8:
        return value[:-1] or b"9"
    if choice == 9:
        return rng.choice(
            (b"0", b"00", b"24", b"31", b"99", b"60", b"366", b"0000", b"9999", b"253402300799", b"1" * 30)
        )
    if choice == 10:
        return value.upper() if rng.random() < 0.5 else value.lower()
    return str(int(value) + rng.choice((-1, 1, 1000))).encode() if value.isdigit() else value


def near(message: bytes, rng: random.Random) -> bytes:
    """Return a message of the same or nearly the same shape."""
    others = VALUES.findall(message) or [b"1"]
    rate = rng.choice((0.2, 0.5, 1.0))
    changed = VALUES.sub(lambda match: _mutated(match[0], others, rng) if rng.random() < rate else match[0], message)
    if rng.random() < 0.1:  # a text changes too, or turns into a run, or a run into a text
        at = rng.randrange(len(changed) + 1)
        changed = changed[:at] + rng.choice((b"\n", b"0", b"5", b" ", b"a", b"")) + changed[at + rng.randrange(2) :]
    return changed


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Messages of a few shapes: each often enough to be remembered, then what only looks like it."""
    rng = random.Random(draw(st.integers(0, 1 << 64)))
    stream: list[bytes] = []
    for _ in range(draw(st.integers(1, 2))):
        message = b"".join(draw(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8)))
        stream += [message, near(message, rng), message]
        stream += [near(message, rng) for _ in range(draw(st.integers(1, 8)))]
        stream.append(message)
    return stream
