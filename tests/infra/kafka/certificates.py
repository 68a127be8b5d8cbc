"""Throw-away keys and certificates for the TLS listeners, made by the openssl command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """A self-signed certificate, which is also its own authority, and its key: two PEM files."""

    certificate: Path
    key: Path

    @property
    def both(self) -> Path:
        """The PEM file with key and certificate that the broker takes as a key store."""
        return self.key.with_suffix(".both.pem")


def make_identity(folder: Path, name: str) -> Identity:
    """Make a self-signed identity for the loopback address, good for a day."""
    identity = Identity(folder / f"{name}.pem", folder / f"{name}.key")
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    files = ["-keyout", str(identity.key), "-out", str(identity.certificate)]
    subprocess.run([*new, *names, *files], check=True, capture_output=True)
    identity.both.write_text(identity.key.read_text() + identity.certificate.read_text())
    return identity
