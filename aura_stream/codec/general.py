"""The general compressors behind one shape each: zstd (with and without a dictionary) and brotli, with limits.

Frames carry no magic, checksum or dictionary id: that is worth 19 to 26 % of a small frame. The zstandard wheel
ignores `max_output_size` when a frame declares its size, so the header is judged before anything is allocated.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import brotli
import zstandard

from aura_stream.errors import CorruptFrameError, LimitExceededError

LEVEL: Final = 3
BROTLI_QUALITY: Final = 5
_BROTLI_STEP: Final = 1 << 16
_MAX_WINDOW: Final = 64 << 20
# The empty message is never compressed, and zstd does not look at what stands behind a size of 0.
_NO_SIZES: Final = (0, zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR)


class Zstd:
    """zstd frames with one dictionary, or none. Reuses its contexts: one thread only."""

    def __init__(self, dictionary: bytes = b"") -> None:
        data = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        parameters = zstandard.ZstdCompressionParameters.from_level(
            LEVEL,
            format=zstandard.FORMAT_ZSTD1_MAGICLESS,
            write_content_size=1,
            write_checksum=0,
            write_dict_id=0,
        )
        self._compress = zstandard.ZstdCompressor(dict_data=data, compression_params=parameters).compress
        self._decompress = zstandard.ZstdDecompressor(
            dict_data=data, format=zstandard.FORMAT_ZSTD1_MAGICLESS
        ).decompress

    def compress(self, message: bytes) -> bytes:
        """Return a frame without magic."""
        return self._compress(message)

    def decompress(self, frame: bytes, limit: int) -> bytes:
        """Return the message. Raises CorruptFrameError, LimitExceededError."""
        try:
            parameters = zstandard.get_frame_parameters(frame, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
            size = parameters.content_size
            if size in _NO_SIZES or parameters.dict_id:
                raise CorruptFrameError("damaged frame: its size is missing or 0, or it names a dictionary")
            if size > limit or parameters.window_size > max(_MAX_WINDOW, limit):
                raise LimitExceededError(f"the frame asks for {size} bytes, the limit is {limit}")
            return self._decompress(frame, allow_extra_data=False)
        except zstandard.ZstdError as exc:
            raise CorruptFrameError(f"damaged frame: {exc}") from exc


@lru_cache(maxsize=8)  # asked anew for each template that is appended to a generation
def is_dictionary(dictionary: bytes) -> bool:
    """Tell whether zstd can use these bytes as a dictionary, in both directions."""
    try:
        zstd = Zstd(dictionary)
        return zstd.decompress(zstd.compress(dictionary[:64]), 64) == dictionary[:64]
    except zstandard.ZstdError:
        return False


def brotli_compress(message: bytes) -> bytes:
    """Return a brotli stream (RFC 7932)."""
    return bytes(brotli.compress(message, quality=BROTLI_QUALITY))


def brotli_decompress(frame: bytes, limit: int) -> bytes:
    """Return the message. Raises CorruptFrameError, LimitExceededError; output grows in steps up to the limit."""
    decoder = brotli.Decompressor()
    out = bytearray()
    piece = frame
    try:
        while True:
            step = decoder.process(piece, output_buffer_limit=_BROTLI_STEP)
            out += step
            piece = b""
            if len(out) > limit:
                raise LimitExceededError(f"the message would be larger than {limit} bytes")
            if decoder.is_finished():
                break
            if not step:
                raise CorruptFrameError("damaged frame: the brotli stream is cut off")
    except brotli.error as exc:
        raise CorruptFrameError(f"damaged frame: {exc}") from exc
    return bytes(out)
