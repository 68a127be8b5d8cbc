"""One Redis server: raw commands and scripts in, plain replies or our own errors out.

Raw, because redis-py's response parsers lose duplicate field names (they build dicts); RESP2, because its replies are
plain lists and redis-py changes nothing about them behind our back. Nothing is ever retried here: a write that is
sent twice is written twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from aura_connectors.redis_streams.options import Connection, Tls
from aura_stream.errors import AuraError, ConfigError, ConnectorError, UnavailableError

T = TypeVar("T")

CONNECT_TIMEOUT = 4.0  # seconds; twice that, and a command, fit in the 10 s that a port's `start` may take
REPLY_TIMEOUT = 10.0  # seconds without a byte; a script over 4 MiB of entries answers within 50 ms
START_TIMEOUT = 9.0


class NoGroupError(ConnectorError):
    """The consumer group, or its stream, is gone."""


class _UnknownScriptError(ConnectorError):
    """The server does not hold the script with this digest (yet)."""


_SILENT = (
    "does not answer ({}): check that it runs there, that host and port in `url` are right, "
    "and whether it expects TLS (rediss://) or a client certificate (`tls.certificate`)"
)
_TLS_MISTAKES = ("CERTIFICATE", "HANDSHAKE_FAILURE", "PROTOCOL_VERSION", "UNKNOWN_CA", "UNSUPPORTED", "WRONG_VERSION")
_CLUSTER = "is one node of a cluster and does not hold this stream; clusters are not supported"

# What a failure means: redis-py's classes, codes of replies that it has no class for, our error, and what we say.
# The first that fits counts; in a script's error redis-py finds the same codes.
_RULES: tuple[tuple[tuple[type[Exception], ...], tuple[str, ...], type[AuraError], str], ...] = (
    ((exceptions.NoScriptError,), (), _UnknownScriptError, "does not know the script"),
    (
        (
            exceptions.AuthenticationError,
            exceptions.AuthorizationError,
            exceptions.AuthenticationWrongNumberOfArgsError,
            exceptions.NoPermissionError,
        ),
        (
            *("DENIED", "NOAUTH", "NOPERM", "WRONGPASS", "WRONGTYPE", "DB index", "ERR DB index"),
            *("The user executing the script can't", "ACL failure in script"),  # NOPERM within one; Redis 7.0, Valkey
        ),
        ConfigError,
        "refuses: {}",
    ),
    ((exceptions.AskError, exceptions.ClusterCrossSlotError), (), ConfigError, _CLUSTER),
    ((exceptions.BusyLoadingError,), ("LOADING",), UnavailableError, "is loading its data"),
    (
        (
            exceptions.ClusterDownError,
            exceptions.OutOfMemoryError,
            exceptions.ReadOnlyError,
            exceptions.TryAgainError,
        ),
        ("BUSY ", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "READONLY", "UNKILLABLE"),
        UnavailableError,
        "takes no writes: {}",
    ),
    ((exceptions.ConnectionError, exceptions.TimeoutError, OSError), (), UnavailableError, _SILENT),
    ((), ("NOGROUP",), NoGroupError, "has lost the consumer group"),
)


class Script:
    """A Lua script of this package, and the digest that Redis knows it by."""

    def __init__(self, name: str) -> None:
        self.text = resources.files(__package__).joinpath("lua", f"{name}.lua").read_text("utf-8")
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


@cache
def script(name: str) -> Script:
    """Return the script `lua/{name}.lua`."""
    return Script(name)


class Client:
    """Connections to one server. A blocking client waits for replies without limit, as XREAD BLOCK needs."""

    def __init__(self, options: Connection, blocking: bool = False) -> None:
        self.address = options.url.address
        self._redis = _connect(options, None if blocking else REPLY_TIMEOUT)
        self._execute: Callable[..., Awaitable[Any]] = self._redis.execute_command

    async def command(self, *words: bytes | str | int) -> Any:
        """Send one command and return its reply as it is.

        Raises UnavailableError, ConfigError, NoGroupError, or ConnectorError for what nobody foresaw.
        """
        try:
            return await _cancellable(self._execute(*words))
        except (exceptions.RedisError, OSError) as error:
            raise self._translate(error) from _harmless(error)

    async def pipeline(self, *commands: Sequence[bytes | str | int]) -> list[Any]:
        """Send commands on one connection, at once, and return their replies; within MULTI and EXEC they are one step.

        Errors as for `command`: the first among the replies, once all have come.
        """
        try:
            replies = await _cancellable(self._exchange(commands))
        except (exceptions.RedisError, OSError) as error:
            raise self._translate(error) from _harmless(error)
        for reply in replies:
            for part in (reply, *reply) if isinstance(reply, list) else (reply,):
                if isinstance(part, exceptions.RedisError):
                    raise self._translate(part) from _harmless(part)
        return replies

    async def _exchange(self, commands: Sequence[Sequence[bytes | str | int]]) -> list[Any]:
        pool: Any = self._redis.connection_pool  # its methods have no types
        connection = await pool.get_connection()
        replies: list[Any] = []
        try:
            await connection.send_packed_command(connection.pack_commands(commands))
            for _ in commands:
                try:
                    replies.append(await connection.read_response())
                except exceptions.ResponseError as error:
                    replies.append(error)
        finally:
            await pool.release(connection)  # closed by itself, unless all replies were read
        return replies

    async def run(self, name: str, keys: list[bytes], *arguments: bytes | str | int) -> Any:
        """Run the script `lua/{name}.lua`, by its digest where the server knows it. Errors as for `command`."""
        wanted = script(name)
        words = (len(keys), *keys, *arguments)
        try:
            return await self.command("EVALSHA", wanted.digest, *words)
        except _UnknownScriptError:
            return await self.command("EVAL", wanted.text, *words)

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    def _translate(self, error: Exception) -> AuraError:
        text = _first_words(error)
        reason = _tls_reason(error)
        if reason is not None:
            return ConfigError(f"Redis at {self.address}: TLS failed ({reason}); check `tls` and the url")
        for classes, codes, ours, saying in _RULES:
            if isinstance(error, classes) or text.startswith(codes or "\n"):
                return ours(f"Redis at {self.address} {saying.format(text)}")
        return ConnectorError(f"Redis at {self.address} replies: {text}")


async def _cancellable(work: Awaitable[T]) -> T:
    """Await `work`; raise CancelledError after all where something in it swallowed that.

    redis-py sends with `asyncio.wait_for`, which before Python 3.12 forgets that it was cancelled if what it waited for
    is done at the same moment (bpo-37658): a task that is told to end would go on, for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        return await work
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError


def _connect(options: Connection, reply_timeout: float | None) -> Redis:
    address = options.url.address
    settings: dict[str, Any] = {}
    if address.tls:
        settings = {"ssl": True, **_tls_settings(options.tls or Tls())}
    redis = Redis(
        host=address.host,
        port=address.port,
        db=address.db,
        username=address.username,
        password=options.password.get_secret_value() if options.password else address.password,
        protocol=2,
        decode_responses=False,
        socket_timeout=reply_timeout,
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        **settings,
    )
    redis.response_callbacks.clear()  # replies as they are
    return redis


def _tls_settings(tls: Tls) -> dict[str, Any]:
    """Return redis-py's spelling of the options. Raises ConfigError for a file that is missing or no PEM file."""
    password = tls.key_password.get_secret_value() if tls.key_password else None
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, password)
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(str(path) for path in (tls.ca, tls.certificate, tls.key) if path)
        raise ConfigError(f"`tls`: cannot use {files}: {error.strerror or error}") from error
    return {
        "ssl_ca_certs": str(tls.ca) if tls.ca else None,
        "ssl_certfile": str(tls.certificate) if tls.certificate else None,
        "ssl_keyfile": str(tls.key) if tls.key else None,
        "ssl_password": password,
    }


def _first_words(error: Exception) -> str:
    """Return the error's text up to where Redis begins to quote what it was sent."""
    text = str(error) or type(error).__name__
    return text.partition(", with args")[0].partition("\n")[0][:200].rstrip(".")


def _harmless(error: Exception) -> Exception | None:
    """Return the error as a cause; none where its text may quote a payload."""
    return None if ", with args" in str(error) else error


def _tls_reason(error: BaseException | None) -> str | None:
    """Return what is wrong with certificates or protocol versions, None if the connection only broke."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        if isinstance(error, ssl.SSLError) and any(word in (error.reason or "") for word in _TLS_MISTAKES):
            return error.reason.lower().replace("_", " ")
        error = error.__cause__ or error.__context__
    return None


def pairs(reply: list[Any]) -> dict[str, Any]:
    """Return a flat reply [name, value, …], as XINFO gives it, as a mapping."""
    return {name.decode(): value for name, value in zip(reply[::2], reply[1::2], strict=True)}


async def stream_exists(client: Client, stream: bytes, what: str) -> bool:
    """Tell whether the stream exists; `what` names it for people. Raises ConfigError if its key holds anything else."""
    kind: bytes = await client.command("TYPE", stream)
    if kind not in (b"stream", b"none"):
        raise ConfigError(f"Redis at {client.address}: {what} is a {kind.decode()}, not a stream")
    return kind == b"stream"


async def within(seconds: float, client: Client, work: Awaitable[T]) -> T:
    """Await `work`; raise UnavailableError if it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise UnavailableError(f"Redis at {client.address} {_SILENT.format(f'{seconds:g} s')}") from error


async def certain(work: Awaitable[T]) -> T:
    """Await `work`; a reply that nobody foresaw counts as UnavailableError, where it cannot be anything else."""
    try:
        return await work
    except UnavailableError:
        raise
    except ConnectorError as error:
        raise UnavailableError(str(error)) from error
