"""The programs in examples/ do what they say."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from aura_stream import Codebook, HybridCodec

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[2] / "examples"


async def test_a_plain_consumer_reads_a_compressed_topic(kafka: str, tmp_path: Path) -> None:
    messages = [b"order %d was packed, packed, packed and packed again" % number for number in range(50)]
    topic = f"consumed-{uuid4().hex[:12]}"
    Codebook().save(tmp_path / "orders.book")
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for frame in [*HybridCodec(Codebook()).encode_batch(messages), None]:
            await producer.send_and_wait(topic, frame, key=b"k", partition=0)
    finally:
        await producer.stop()
    command = [sys.executable, str(EXAMPLES / "consume.py"), kafka, topic, str(tmp_path / "orders.book")]
    result = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr.decode()
    assert result.stdout.splitlines() == messages
