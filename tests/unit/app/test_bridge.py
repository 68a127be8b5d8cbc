"""A bridge is built as its configuration says."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import pytest

from aura_stream.app import InstalledConnectors, bridge, option_models
from aura_stream.app.bridge import build_transform, build_worker
from aura_stream.app.stores import open_store
from aura_stream.codec import Codebook, HybridCodec
from aura_stream.config import Config, parse_config

CONNECTORS = InstalledConnectors()
KAFKA = "kafka: {servers: 'h:1', topics: [t], group: g}"
TO = {
    "kafka": "kafka: {servers: 'h:1'}",
    "redis_streams": "redis_streams: {url: 'redis://h'}",
    "files": "files: {path: x}",
}


def _config(output: str, codec: str) -> Config:
    text = f"input: {{{KAFKA}}}\noutput: {{{TO[output]}}}\ncodec: {codec}\nstore: {{memory: {{}}}}\n"
    return parse_config(text, "x", option_models(CONNECTORS), {})


@pytest.mark.parametrize(
    ("output", "codec", "destination"),
    [
        ("kafka", "{}", "batched"),
        ("redis_streams", "{}", "standalone"),
        ("files", "{}", "standalone"),
        ("kafka", "{destination: standalone}", "standalone"),
        ("redis_streams", "{destination: batched}", "batched"),
    ],
)
def test_frames_are_made_for_where_they_go(
    output: str, codec: str, destination: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    class Codec(HybridCodec):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self.destination)

    monkeypatch.setattr(bridge, "HybridCodec", Codec)
    transform = build_transform(_config(output, codec), CONNECTORS)
    transform.offer(Codebook())
    transform.transform(deque())
    assert made == [destination]


async def test_an_empty_codebook_is_made_as_the_file_says() -> None:
    book = await open_store(_config("files", "{check_bytes: 4, raw: marked}"), CONNECTORS).start()
    assert (book.check_bytes, book.raw) == (4, "marked")


@pytest.mark.parametrize(("direction", "once"), [("encode", True), ("decode", False)])
async def test_a_worker_takes_its_book_from_the_store(direction: str, once: bool, tmp_path: Path) -> None:
    """As its configuration says how long a frame may wait."""
    Codebook().save(tmp_path / "b")
    text = f"""
        input: {{memory: {{topics: [t]}}}}
        output: {{memory: {{}}}}
        codec: {{direction: {direction}}}
        store: {{file: {{path: "{tmp_path / "b"}"}}, wait: 3s}}
    """
    worker = build_worker(parse_config(text, "x", option_models(CONNECTORS), {}), CONNECTORS, once)
    assert (worker.options.patience, worker.options.once) == (3.0, once)
