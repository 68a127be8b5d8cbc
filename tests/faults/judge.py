"""The verdict, from durable sources alone, by a process that saw nothing of the run: `python -m tests.faults.judge PLAN`.

It reads the output, the dead letters, the codebook's file (or the store's journal, with no Redis there) and the
oracle's ledger; it computes what was sent anew. The verdict is one line of JSON on stdout.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aura_stream import Codebook, HybridCodec
from aura_stream.app import InstalledConnectors, option_models
from aura_stream.app.stores import open_store
from aura_stream.config import parse_config
from aura_stream.errors import DecodeError
from tests.faults.ledger import Ledger
from tests.faults.outlets import Arrived, outlet_of
from tests.faults.payloads import damage
from tests.faults.plan import Plan, Verdict
from tests.faults.tally import Tally


async def judge(plan: Plan) -> Verdict:
    """Read everything, and say what it comes to."""
    tally = Tally(plan.traffic, Ledger.read(plan.ledger, plan.traffic.lanes))
    codec = HybridCodec(await read_book(plan.book))
    async for arrived in outlet_of(plan.output).read({}):
        values = [each.value for each in arrived] if plan.decoding else decoded(codec, arrived)
        for each, value in zip(arrived, values, strict=True):
            tally.output(each.which, value, each.which is not None and each.is_faithful(*each.which))
    if plan.dead is not None:
        async for letters in outlet_of(plan.dead).read({}):
            for each in letters:
                tally.dead_letter(each.which, _is_original(each, plan, codec), bool(each.note))
    return tally.verdict()


async def read_book(path: str) -> Codebook:
    """Return the book in a file, or that of the store which a configuration names."""
    if not path.endswith(".yaml"):
        return Codebook.load(path)
    connectors = InstalledConnectors()
    config = parse_config(Path(path).read_text(), path, option_models(connectors), {})  # noqa: ASYNC240  once
    store = open_store(config, connectors, "")
    try:
        return await store.start()
    finally:
        await store.stop()


def decoded(codec: HybridCodec, arrived: Sequence[Arrived]) -> list[bytes | None]:
    """Return the messages of frames; None for those that raise, and for nulls, which nobody sent."""
    frames = [each.value for each in arrived if each.value is not None]
    try:
        values = iter(codec.decode_batch(frames))
        return [None if each.value is None else next(values) for each in arrived]
    except DecodeError:
        return [_decoded(codec, each.value) for each in arrived]


def _decoded(codec: HybridCodec, frame: bytes | None) -> bytes | None:
    try:
        return codec.decode(frame) if frame is not None else None
    except DecodeError:
        return None


def _is_original(letter: Arrived, plan: Plan, codec: HybridCodec) -> bool:
    """Tell whether a dead letter holds the bytes that went in: a message, or a frame of it, damaged or not."""
    if letter.which is None or letter.value is None:
        return False
    sent = plan.traffic.payload(*letter.which)
    if not plan.decoding:
        return letter.value == sent
    if plan.traffic.is_damaged(letter.which[1]):
        frame = letter.value.removeprefix(damage(b""))
        return frame != letter.value and _decoded(codec, frame) == sent
    return _decoded(codec, letter.value) == sent


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(judge(Plan.load(sys.argv[1]))))))
