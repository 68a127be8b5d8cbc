"""Connecting: TLS and SASL, a first look that tells what is wrong, and the clients' errors in our words."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from aura_connectors.kafka.options import Connection, Tls
from aura_stream.errors import AuraError, ConfigError, UnavailableError

CLIENT_ID = "aura-stream"
PROBE_TIMEOUT = 4.0  # seconds for all addresses; with one call of CALL_TIMEOUT a start stays under the 10 s of the port
CALL_TIMEOUT = 5.0  # seconds for one question to a broker that answered a moment ago
REQUEST_TIMEOUT_MS = 10_000  # the client's own; it decides when a connection counts as broken
CLOSE_TIMEOUT = 5.0

# What editing the config, the topic or the permissions mends; everything else may pass by itself.
_REFUSALS = (
    errors.AuthenticationFailedError,
    errors.AuthenticationMethodNotSupported,
    errors.ClusterAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.IllegalSaslStateError,
    errors.InconsistentGroupProtocolError,
    errors.InvalidConfigurationError,
    errors.InvalidGroupIdError,
    errors.InvalidPartitionsError,
    errors.InvalidReplicationFactorError,
    errors.InvalidSessionTimeoutError,
    errors.InvalidTimestampError,
    errors.InvalidTopicError,
    errors.InvalidTransactionTimeout,
    errors.MessageSizeTooLargeError,
    errors.PolicyViolationError,
    errors.RecordListTooLargeError,
    errors.SaslAuthenticationFailed,
    errors.TopicAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
    errors.UnsupportedSaslMechanismError,
)
_HINTS: dict[type[Exception], str] = {
    errors.ClusterAuthorizationFailedError: "the user may write to no topic (brokers before 2.8 want IdempotentWrite)",
    errors.InvalidTimestampError: "a record's timestamp lies outside the topic's message.timestamp.*.max.ms",
    errors.InvalidTransactionTimeout: "transaction_timeout is longer than the brokers' transaction.max.timeout.ms",
    errors.MessageSizeTooLargeError: "a batch is larger than the topic's max.message.bytes",
    errors.RecordListTooLargeError: "a batch is larger than the topic's max.message.bytes",
    errors.SaslAuthenticationFailed: "authentication failed; check sasl.username, sasl.password and sasl.mechanism",
    errors.TopicAuthorizationFailedError: "the user may not use this topic",
    errors.GroupAuthorizationFailedError: "the user may not use this group",
    errors.TransactionalIdAuthorizationFailed: "the user may not use transactions: allow Write and Describe on "
    "transactional ids that begin with aura/, or set delivery: at_least_once",
}


def security(connection: Connection) -> dict[str, Any]:
    """Return the clients' arguments for reaching the cluster. Raises ConfigError for unusable TLS files."""
    protocol = ("SASL_" if connection.sasl else "") + ("SSL" if connection.tls is not None else "PLAINTEXT")
    arguments: dict[str, Any] = {"client_id": CLIENT_ID, "security_protocol": protocol}
    if connection.tls is not None:
        arguments["ssl_context"] = _tls_context(connection.tls)
    if connection.sasl is not None:
        arguments["sasl_mechanism"] = connection.sasl.mechanism
        arguments["sasl_plain_username"] = connection.sasl.username
        arguments["sasl_plain_password"] = connection.sasl.password.get_secret_value()
    return arguments


def _tls_context(tls: Tls) -> ssl.SSLContext:
    for path in (tls.ca, tls.certificate, tls.key):
        if path is not None and not path.is_file():
            raise ConfigError(f"tls: no file {path}")
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate is not None:
            password = tls.key_password.get_secret_value() if tls.key_password is not None else None
            context.load_cert_chain(tls.certificate, tls.key, password)
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        raise ConfigError(f"tls: cannot use the files given: {exc}") from exc
    return context


async def probe(connection: Connection) -> None:
    """Connect once, and say what is wrong if that fails; the clients themselves only log the reason.

    Raises ConfigError for refused credentials or certificates, UnavailableError within PROBE_TIMEOUT.
    """
    arguments = security(connection)
    failure: AuraError = UnavailableError(f"Kafka at {connection.servers} does not answer")
    addresses = [address.strip() for address in connection.servers.split(",")]
    for address in addresses:
        try:
            async with asyncio.timeout(max(1.0, PROBE_TIMEOUT / len(addresses))):
                await _greet(address, arguments)
        except (OSError, errors.KafkaError) as exc:  # TimeoutError is an OSError
            failure = _explain(exc, address, connection)
        else:
            return
    raise failure


async def _greet(address: str, arguments: dict[str, Any]) -> None:
    host, _, port = address.rpartition(":")
    conn = await create_conn(host.strip("[]"), int(port), request_timeout_ms=REQUEST_TIMEOUT_MS, **arguments)
    try:
        await conn.send(MetadataRequest([], allow_auto_topic_creation=False))
    finally:
        if closing := conn.close():
            await closing


def _explain(exc: Exception, address: str, connection: Connection) -> AuraError:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return ConfigError(f"Kafka at {address}: its certificate is not trusted ({exc.verify_message}); check tls.ca")
    if isinstance(exc, TimeoutError):
        return UnavailableError(f"Kafka at {address} does not answer: check the address, the network and the firewall")
    if isinstance(exc, ConnectionRefusedError):
        return UnavailableError(f"Kafka at {address} refuses connections: check the address and that the broker runs")
    if isinstance(exc, socket.gaierror):
        return UnavailableError(f"Kafka at {address} is not to be found: check the name ({exc.strerror})")
    if isinstance(exc, _REFUSALS):
        return translate(exc, address)
    expected = "TLS" if connection.tls is not None else "no TLS"
    login = "with" if connection.sasl is not None else "without"
    hint = f"check the address, and that this listener expects {expected} {login} SASL"
    if connection.tls is not None and connection.tls.certificate is None:
        hint += " and no client certificate"
    return UnavailableError(f"Kafka at {address} breaks off the connection: {hint}")


def translate(exc: Exception, servers: str, action: str = "") -> AuraError:
    """Return our error for one of the client's: ConfigError for what a human must mend, else UnavailableError."""
    if isinstance(exc.__cause__, _REFUSALS):
        exc = exc.__cause__  # met by a task of the client, which tells of it as an unexpected error
    reason = _HINTS.get(type(exc)) or str(exc) or type(exc).__name__
    text = f"Kafka at {servers}{', ' + action if action else ''}: {reason}"
    return ConfigError(text) if isinstance(exc, _REFUSALS) else UnavailableError(text)


@contextlib.asynccontextmanager
async def guarded(servers: str, action: str, seconds: float = CALL_TIMEOUT) -> AsyncIterator[None]:
    """Bound a call to the client in time and translate its errors; `action` completes "Kafka at …, <action>"."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as exc:
        raise UnavailableError(f"Kafka at {servers}, {action}: no answer within {seconds:g} s") from exc
    except (errors.KafkaError, OSError) as exc:
        raise translate(exc, servers, action) from exc


@contextlib.asynccontextmanager
async def admin(connection: Connection) -> AsyncIterator[AIOKafkaAdminClient]:
    """Open an admin client for a few questions."""
    client = AIOKafkaAdminClient(
        bootstrap_servers=connection.servers, request_timeout_ms=REQUEST_TIMEOUT_MS, **security(connection)
    )
    try:
        async with guarded(connection.servers, "connecting"):
            await client.start()
        yield client
    finally:
        await _closed(client.close())


def create_nothing(client: AIOKafkaClient) -> None:
    """See to it that this client's questions for topics make none, as they do by default (auto.create.topics.enable).

    A deleted topic would come back with the broker's settings: other partitions, and a retention that deletes what is
    old. There is no public way.
    """
    get_conn = client._get_conn

    async def get_modest_conn(*args: Any, **more: Any) -> Any:
        conn = await get_conn(*args, **more)
        if conn is not None and "send" not in vars(conn):
            conn.send = functools.partial(_send_modestly, conn.send)
        return conn

    client._get_conn = get_modest_conn


def _send_modestly(send: Callable[..., Any], request: Any, *args: Any, **more: Any) -> Any:
    if isinstance(request, MetadataRequest):
        request._allow_auto_topic_creation = False
    return send(request, *args, **more)


async def leave(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, whatever state it is in, within three times CLOSE_TIMEOUT.

    Its `stop` says goodbye to the group first; if nobody answers that, the rest is closed without it.
    """
    if await _closed(consumer.stop()):
        return
    for part in (consumer._fetcher, consumer._client):
        if part is not None:
            await _closed(part.close())


async def _closed(closing: Coroutine[Any, Any, object]) -> bool:
    """Tell whether it came to its end in time; whatever its tasks stumble over: it is being thrown away."""
    task = asyncio.ensure_future(closing)  # it may end as cancelled, which is not meant for us
    try:
        await asyncio.wait({task}, timeout=CLOSE_TIMEOUT)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CLOSE_TIMEOUT)
    return task.done() and not task.cancelled() and task.exception() is None


async def discard(producer: AIOKafkaProducer) -> None:
    """Throw a producer away with all it has not delivered, within three times CLOSE_TIMEOUT, and mostly at once.

    An idempotent producer retries for ever, and so its `stop` may never return (aiokafka #1101, #1039): fail its
    batches first, and close its connections while it waits for answers. There is no public way. Nothing that it still
    holds may reach the broker after its successor's.
    """
    accumulator = producer._message_accumulator
    queued = [batch for queue in accumulator._batches.values() for batch in queue]
    for batch in queued:
        batch.drain_ready()  # nobody waits for these any more; a failure set on their waiters would go unseen
    accumulator._pending_batches.update(queued)  # where a batch that was to be sent again is looked for
    batches = list(accumulator._pending_batches)
    accumulator.fail_all(errors.ProducerClosed())
    waiters = [waiter for batch in batches for waiter in (batch.future, batch._drain_waiter)]
    waiters += _transaction_waiters(producer)
    if (sending := producer._sender.sender_task) is not None:
        sending.cancel()
    try:
        await _closed(producer.client.close())
        if sending is not None:
            await asyncio.wait({sending}, timeout=CLOSE_TIMEOUT)  # `stop` would cancel it a second time
    finally:  # cancelled once more, it still comes to its end
        await _closed(producer.stop())
        look_at(*waiters, *_transaction_waiters(producer))


def _transaction_waiters(producer: AIOKafkaProducer) -> list[asyncio.Future[object]]:
    manager = producer._txn_manager
    if manager is None:
        return []
    if manager._transaction_waiter is None:
        manager._transaction_waiter = asyncio.get_running_loop().create_future()  # which a failing sender fails
    return [manager._transaction_waiter, *(waiter for *_, waiter in manager._pending_txn_offsets)]


def look_at(*futures: asyncio.Future[object]) -> None:
    """See to it that asyncio does not complain of errors that nobody needs any more."""
    for future in futures:
        if future.done() and not future.cancelled():
            future.exception()
