"""What a configuration says of a Redis input or output."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    Secret,
    SecretStr,
    model_validator,
)

from aura_connectors.mapping import METADATA_FIELD
from aura_connectors.notes import NOTE
from aura_stream.config.quantities import Duration

SOURCE_PLACEHOLDER = "{source}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens and how to log in; printing it shows no password."""

    host: str
    port: int
    db: int
    username: str | None
    password: str | None = field(repr=False)
    tls: bool

    @property
    def place(self) -> str:
        """Which database of which server, whoever logs in."""
        return f"{self.host}:{self.port}/{self.db}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        login = f"{self.username or ''}:***@" if self.password else f"{self.username}@" if self.username else ""
        return f"{'rediss' if self.tls else 'redis'}://{login}{host}:{self.port}/{self.db}"


class RedisUrl(Secret[str]):
    """`redis://user:password@host:port/db`, or `rediss://` for TLS; printing it shows no password."""

    def _display(self) -> str:
        return str(self.address)

    @property
    def address(self) -> Address:
        """The parts of the URL. Raises ValueError, which quotes none of it, if it is not one."""
        try:
            parts = urlsplit(self.get_secret_value())
            port = parts.port or 6379
            db = int(parts.path.strip("/") or 0)
        except ValueError:  # its message can hold a piece of a password that was not percent-encoded
            parts = None
        if parts is None or parts.scheme not in ("redis", "rediss") or not parts.hostname or db < 0:
            raise ValueError(
                "not of the form redis://user:password@host:port/db or rediss://…; "
                "a password with special characters belongs in `password`"
            )
        if parts.query or parts.fragment:
            raise ValueError("a Redis URL takes no parameters here: connection settings are keys of their own")
        username, password = parts.username, parts.password
        return Address(
            parts.hostname,
            port,
            db,
            unquote(username) if username else None,
            unquote(password) if password else None,
            parts.scheme == "rediss",
        )


def _check_url(url: RedisUrl) -> RedisUrl:
    assert url.address.host
    return url


def _check_field(name: str) -> str:
    if name in (METADATA_FIELD.decode(), NOTE):
        raise ValueError(f"the field `{name}` holds what stands beside a message; the message needs another one")
    return name


FieldName = Annotated[str, Field(min_length=1), AfterValidator(_check_field)]
Name = Annotated[str, Field(min_length=1)]
GroupName = Annotated[str, Field(min_length=1, pattern=r"^[^{}]+$")]  # braces have a meaning in the lease's key


class _Options(BaseModel):
    # Input stays out of error messages: it may hold a password.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Tls(_Options):
    """Encryption; without it a `rediss://` url trusts what the system trusts."""

    ca: Path | None = Field(None, description="PEM file of the authorities to trust")
    certificate: Path | None = Field(None, description="PEM file of our own certificate, where the server asks for one")
    key: Path | None = Field(None, description="PEM file of its private key")
    key_password: SecretStr | None = Field(None, description="password of the private key, from the environment only")


class Connection(_Options):
    """How to reach one server."""

    url: Annotated[RedisUrl, AfterValidator(_check_url)] = Field(
        description="redis://user@host:port/db, or rediss:// for TLS"
    )
    password: SecretStr | None = Field(None, description="from the environment only: ${REDIS_PASSWORD}")
    tls: Tls | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        address = self.url.address
        if address.password is not None and self.password is not None:
            raise ValueError("a password stands in `url` and in `password`: keep one")
        if self.tls is not None and not address.tls:
            raise ValueError("`tls` needs a url that begins with rediss://")
        return self


class SourceOptions(Connection):
    """Streams to read as a member of a consumer group."""

    streams: list[Name] = Field(min_length=1, description="streams to read")
    group: GroupName = Field(description="consumer group under which entries are acknowledged")
    field: FieldName = Field("d", description="field of an entry that holds the message")
    start: Literal["earliest", "latest"] = Field("earliest", description="where a group that does not exist begins")
    delete_settled: bool = Field(False, description="delete entries once they are settled: only this frees memory")
    ordering: Literal["strict", "none"] = Field(
        "strict", description="strict: one worker at a time reads a stream, in order; none: all of them share it"
    )
    lease: Duration = Field(10.0, ge=1, le=3600, description="a worker silent for so long loses its streams")

    @model_validator(mode="after")
    def _streams_differ(self) -> Self:
        if len(set(self.streams)) < len(self.streams):
            raise ValueError("`streams` names a stream twice")
        return self


class SinkOptions(Connection):
    """Stream to append to."""

    stream: Name = Field(SOURCE_PLACEHOLDER + ".aura", description="{source}: name of the input")
    field: FieldName = Field("d", description="field of an entry that holds the message")
    maxlen: PositiveInt | None = Field(None, description="trim the stream to about so many entries")
    metadata: bool = Field(True, description="false: drop key, headers and timestamp of records")


class SharedLogOptions(Connection):
    """The server that the processes of a namespace share their templates over."""

    prefix: str = Field(
        "aura", pattern=r"^[^{}\s]{1,100}$", description="what all keys begin with: PREFIX:{NAMESPACE}:log and others"
    )


class JournalOptions(Connection):
    """The server that the journal of a template store stands on."""

    stream: Name | None = Field(None, description="stream to append to; default: aura-journal-NAMESPACE")
