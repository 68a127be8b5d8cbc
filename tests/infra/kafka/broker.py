"""One Kafka broker process in KRaft mode, with a listener for each way to connect."""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.infra.kafka.certificates import Identity, make_identity

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
START_TIMEOUT = 60.0  # seconds; it takes 2 to 3 on an idle machine
JAVA_OPTIONS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"]
USER, PASSWORD = "alice", "alice-secret"  # may do everything
BOUND_USER = "bob"  # may do what a test allows; the same password, SCRAM only
QUIET_PORTS = range(20_000, 32_000)  # below those that systems give to whoever asks for any
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
PROXIED = ("VIA_INPUT", "VIA_OUTPUT")  # plain listeners that advertise the port of a proxy in front of them


class CannotStartError(Exception):
    """Something that a broker needs is not on this machine."""


def jars() -> Path:
    """Return the folder with Kafka's jars, fetched by Maven at first use and kept by the digest of the pom."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "aura-stream"
    folder = home / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes ask at once, and Maven's own folder takes one
        if not folder.is_dir():
            _fetch_jars(folder)
    return folder


def _fetch_jars(folder: Path) -> None:
    require("mvn")
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    fetch = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    done = subprocess.run([*fetch, f"-DoutputDirectory={partial}"], capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(partial, ignore_errors=True)
        raise CannotStartError(f"mvn could not fetch Kafka: {(done.stdout + done.stderr).strip()[-500:]}")
    partial.rename(folder)


def require(*commands: str) -> None:
    """Raise CannotStartError if one of these commands is missing."""
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise CannotStartError(f"needs {' and '.join(missing)} to start a Kafka broker")


def free_ports(count: int) -> list[int]:
    """Return free loopback ports, all different, which the system gives to nobody who asks for any port."""
    found: list[int] = []
    for port in random.SystemRandom().sample(QUIET_PORTS, len(QUIET_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, after a restart
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise CannotStartError(f"no {count} free ports between {QUIET_PORTS[0]} and {QUIET_PORTS[-1]}")


@dataclass
class Broker:
    """A broker of our own: `servers` is the plain listener, `listeners` holds one address per protocol.

    `proxied` holds, for each of PROXIED, the broker's port and the port of the proxy that a test puts in front of it:
    clients follow what a broker advertises, so they stay behind the proxy.
    """

    folder: Path
    server: Identity
    client: Identity
    stranger: Identity  # nobody trusts it
    listeners: dict[str, str] = field(default_factory=dict)
    proxied: dict[str, tuple[int, int]] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, folder: Path) -> Broker:
        """Lay out a broker's folder: identities, properties, formatted storage."""
        require("java", "openssl")
        identities = [make_identity(folder, name) for name in ("server", "client", "stranger")]
        broker = cls(folder, *identities)
        *ports, controller = free_ports(len(PROTOCOLS) + 2 * len(PROXIED) + 1)
        broker.proxied = {name: (ports.pop(), ports.pop()) for name in PROXIED}
        broker.listeners = {protocol: f"127.0.0.1:{port}" for protocol, port in zip(PROTOCOLS, ports, strict=True)}
        (folder / "server.properties").write_text(broker._properties(controller))
        broker._format()
        return broker

    @property
    def servers(self) -> str:
        """Address of the listener without encryption and authentication."""
        return self.listeners["PLAINTEXT"]

    def start(self) -> None:
        """Start the process and wait until it takes connections."""
        command = [sys.executable, str(HERE / "supervise.py"), *self._java("kafka.Kafka")]
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(self.folder / "server.properties")], stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / "broker.log").read_text(errors="replace")[-2000:]
                raise CannotStartError(f"Kafka did not start: {tail}")
            time.sleep(0.1)

    def stop(self, *, hard: bool = False) -> None:
        """Stop the process: cleanly, or as by kill -9."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        if not hard:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                hard = True
        self._process.stdin.close()  # the supervisor kills the broker
        self._process.wait(30)
        self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the process for a while: connections are taken and never answered."""
        assert self._process is not None
        (java,) = psutil.Process(self._process.pid).children()
        java.suspend()
        try:
            yield
        finally:
            java.resume()

    def _java(self, main: str) -> list[str]:
        own = f"-Djava.io.tmpdir={self.folder}"  # native libraries are unpacked there, and stay after kill -9
        return ["java", own, *JAVA_OPTIONS, "-cp", f"{jars()}/*", main]

    def _format(self) -> None:
        scram = [
            option
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for user in (USER, BOUND_USER)
            for option in ("--add-scram", f"{mechanism}=[name={user},password={PASSWORD}]")
        ]
        command = [*self._java("kafka.tools.StorageTool"), "format", "-t", "AAAAAAAAQAGAAAAAAAAAAQ"]
        done = subprocess.run(
            [*command, "-c", str(self.folder / "server.properties"), *scram],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotStartError(f"Kafka's storage could not be formatted: {(done.stdout + done.stderr)[-2000:]}")

    def _answers(self) -> bool:
        host, port = self.servers.split(":")
        try:
            with socket.create_connection((host, int(port)), timeout=1):
                return True
        except OSError:
            return False

    def _properties(self, controller: int) -> str:
        plainly = [f"{protocol}://{address}" for protocol, address in self.listeners.items()]
        own = ",".join(plainly + [f"{name}://127.0.0.1:{port}" for name, (port, _) in self.proxied.items()])
        told = ",".join(plainly + [f"{name}://127.0.0.1:{port}" for name, (_, port) in self.proxied.items()])
        protocols = {protocol: protocol for protocol in PROTOCOLS} | dict.fromkeys(
            (*PROXIED, "CONTROLLER"), PROTOCOLS[0]
        )
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        lines = [
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            "controller.listener.names=CONTROLLER",
            "inter.broker.listener.name=PLAINTEXT",
            f"listeners={own},CONTROLLER://127.0.0.1:{controller}",
            f"advertised.listeners={told}",
            "listener.security.protocol.map=" + ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
            f"log.dirs={self.folder / 'data'}",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=4",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "transaction.state.log.num.partitions=4",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms=500",  # Kafka looks every 10 s
            "broker.session.timeout.ms=2000",  # after kill -9 a broker comes back only when this has run out
            "broker.heartbeat.interval.ms=500",
            "group.initial.rebalance.delay.ms=0",
            "group.min.session.timeout.ms=500",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            f"super.users=User:ANONYMOUS;User:{USER};User:CN=client",
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={self.server.both}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={self.client.certificate}",
            "listener.name.ssl.ssl.client.auth=required",
        ]
        for name in ("sasl_plaintext", "sasl_ssl"):
            lines += [
                f"listener.name.{name}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
                f'listener.name.{name}.plain.sasl.jaas.config={plain} user_{USER}="{PASSWORD}";',
                f"listener.name.{name}.scram-sha-256.sasl.jaas.config={scram}",
                f"listener.name.{name}.scram-sha-512.sasl.jaas.config={scram}",
            ]
        return "\n".join(lines) + "\n"
