"""What a user can say about a Kafka input or output; the config loader validates mappings with these models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from aura_stream.config.quantities import Duration

TopicName = Annotated[str, Field(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$")]
SOURCE_PLACEHOLDER = "{source}"
_HOST = re.compile(r"[^/@\s]+")  # addresses stand in errors and log lines: no url, which may bring a password along


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tls(_Options):
    """Encryption; an empty mapping trusts what the system trusts."""

    ca: Path | None = Field(None, description="PEM file of the authorities to trust")
    certificate: Path | None = Field(None, description="PEM file of our own certificate, where the broker asks for one")
    key: Path | None = Field(None, description="PEM file of its private key")
    key_password: SecretStr | None = Field(None, description="password of the private key, from the environment only")


class Sasl(_Options):
    """Who we are."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="as the broker asks"
    )
    username: str = Field(description="user that the broker knows")
    password: SecretStr = Field(description="from the environment only: ${KAFKA_PASSWORD}")


class Connection(_Options):
    """How to reach a cluster."""

    servers: str = Field(description="host:port of one or more brokers, separated by commas")
    tls: Tls | None = None
    sasl: Sasl | None = None

    @field_validator("servers")
    @classmethod
    def _addresses(cls, servers: str) -> str:
        for address in servers.split(","):
            host, _, port = address.strip().rpartition(":")
            if not _HOST.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < 2**16:
                raise ValueError("expected host:port[,host:port...]; a user and a password belong in `sasl`")
        return servers


class SourceOptions(Connection):
    """Topics to read as a member of a consumer group."""

    topics: list[TopicName] = Field(min_length=1, description="topics to read")
    group: str = Field(min_length=1, description="consumer group under which positions are committed")
    start: Literal["earliest", "latest"] = Field("earliest", description="where a group without a position begins")
    session_timeout: Duration = Field(10.0, ge=0.5, le=300, description="a member silent for so long is given up")
    gap: Literal["stop", "go"] = Field(
        "stop", description="offsets that are gone from the log, unread: stop, or tell, count them, and go on"
    )
    check_crcs: bool = Field(True, description="verify the checksum of each batch read")


class SinkOptions(Connection):
    """Topic to write, and how to make it where it is missing."""

    topic: str = Field(SOURCE_PLACEHOLDER + ".aura", min_length=1, description="{source}: name of the input")
    compression: Literal["zstd", "lz4", "snappy", "gzip", "none"] = Field("zstd", description="of each batch written")
    create: bool = Field(True, description="create a missing topic with the input's partitions and settings")
    partitions: int | None = Field(None, ge=1, description="of a created topic; default: as many as the input has")
    replication: int | None = Field(None, ge=1, description="of a created topic; default: the input's, or all brokers")
    partition: Literal["same", "by_key"] = Field("same", description="by_key: hash of the key, as Java clients do")
    metadata: bool = Field(True, description="false: write no keys and no headers")
    delivery_timeout: Duration = Field(30.0, ge=1, description="the longest wait for one batch to be acknowledged")
    transaction_timeout: Duration = Field(
        60.0,
        ge=1,
        description="delivery: exactly_once only: the broker gives up a transaction that is open for so long; at most "
        "its transaction.max.timeout.ms",
    )

    @model_validator(mode="after")
    def _keys_are_kept_where_they_place(self) -> SinkOptions:
        if self.partition == "by_key" and not self.metadata:
            raise ValueError("partition: by_key needs the keys that metadata: false leaves out")
        return self


class BurialOptions(SinkOptions):
    """A topic for dead letters: they stay, whatever becomes of the messages in the topics they come from."""


class JournalOptions(Connection):
    """The topic that holds the journal of a template store."""

    topic: TopicName | None = Field(None, description="topic to append to; default: aura-journal-NAMESPACE")
    replication: int | None = Field(None, ge=1, description="of a created topic; default: 3, or all brokers")
