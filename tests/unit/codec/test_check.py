"""The check: the low bytes of the message's CRC-32."""

from __future__ import annotations

import pytest

from aura_stream.codec.check import checker


@pytest.mark.parametrize(("size", "check"), [(0, ""), (1, "26"), (2, "3926"), (4, "cbf43926")])
def test_the_check_is_the_low_bytes_of_the_known_crc(size: int, check: str) -> None:
    assert checker(size)(b"123456789").hex() == check  # the check value of CRC-32/ISO-HDLC
