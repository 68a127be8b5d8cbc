"""Verifying a template store: its copies against each other, and frames against the book."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aura_stream.app.mirrors import check_mirrors
from aura_stream.app.output import read_last_frames
from aura_stream.app.sampling import decode_samples
from aura_stream.codec import Codebook, HybridCodec
from aura_stream.config import Config
from aura_stream.errors import DecodeError
from aura_stream.ports import Connector, TemplateStore
from aura_stream.ports.store import Finding, Severity

_NAMED = 5  # of the things that failed in one sample


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at. `notes` say what could not be."""

    findings: Sequence[Finding]
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def ok(self) -> bool:
        """Whether everything that was looked at is as it should be."""
        return all(finding.severity == "ok" for finding in self.findings)

    @property
    def damaged(self) -> bool:
        """Whether something is not as it should be; if neither this nor `ok`, a server did not answer."""
        return any(finding.severity not in ("ok", "unknown") for finding in self.findings)


async def verify_store(
    store: TemplateStore, config: Config, connectors: Mapping[str, Connector], frames: int
) -> Verification:
    """Compare the copies, decode a sample of each generation, and up to `frames` frames of each output."""
    findings = list(await store.verify())
    book = await store.search()
    if store.status.state != "ok":
        severity: Severity = "unknown" if store.status.state == "degraded" else "repairable"
        findings.append(Finding("store", f"{store.status.state}: {store.status.reason}", severity))
    if config.store.shared_log is not None and config.store.mirror is not None:
        findings += check_mirrors(config.store.mirror, config.namespace, book)
    findings += _own_samples(book)
    notes: list[str] = []
    if frames:
        output = await read_last_frames(config, connectors, frames)
        notes += output.notes
        findings += [Finding("output", problem, "lost") for problem in output.damage]
        findings += [_decoded(book, name, each) for name, each in output.frames.items()]
    return Verification(findings, notes)


def _own_samples(book: Codebook) -> Iterator[Finding]:
    for sampled in decode_samples(book):
        subject = f"generation {sampled.generation}: {sampled.templates} templates, {sampled.messages} sample messages"
        yield _finding(subject, sampled.failed, "lost")


def _decoded(book: Codebook, name: str, frames: Sequence[bytes]) -> Finding:
    """Decode frames of an output. One that does not decode may be damaged itself, or another namespace's."""
    codec = HybridCodec(book)
    failed = []
    for place, frame in enumerate(frames):
        try:
            codec.decode(frame)
        except DecodeError as error:
            failed.append(f"frame {place - len(frames)} from the end: {error}")
    return _finding(f"output {name}: the last {len(frames)} frames", failed, "lost")


def _finding(subject: str, failed: Sequence[str], severity: Severity) -> Finding:
    if not failed:
        return Finding(subject, "")
    more = f", and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return Finding(subject, f"{len(failed)} did not come back: {'; '.join(failed[:_NAMED])}{more}", severity)
