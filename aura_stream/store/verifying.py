"""Verifying: journal, log and mirror, read anew from their beginnings and compared entry by entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aura_stream.errors import CodebookError, ConfigError, UnavailableError
from aura_stream.model.log import BEGINNING, LogReading, LogRecord
from aura_stream.ports import Finding
from aura_stream.store.copies import Copies, applied, unmended
from aura_stream.store.entry import Entry
from aura_stream.store.following import PAGE, behind, misfit, spelled
from aura_stream.store.ledger import Ledger, Outcome

MAX_FINDINGS: Final = 100  # of one copy; the rest is told as a number


async def verify(copies: Copies) -> list[Finding]:
    """Return what is found, copy by copy; the first line of each tells how it is as a whole. Changes nothing."""
    findings: list[Finding] = []
    silent = False  # the journal, whose word is the truth
    for copy, look in (("journal", _journal), ("log", _log), ("mirror", _mirror)):
        try:
            found = await look(copies, copies.known if silent else copies.journaled)
        except UnavailableError as exc:
            found = [Finding(copy, str(exc), "unknown")]
            silent = silent or copy == "journal"
        except ConfigError as exc:
            found = [Finding(copy, str(exc), "repairable")]
        findings += found[:MAX_FINDINGS]
        if len(found) > MAX_FINDINGS:
            findings.append(Finding(copy, f"{len(found) - MAX_FINDINGS} more findings", "repairable"))
    return findings


async def _journal(copies: Copies, _truth: Ledger) -> list[Finding]:
    await copies.restart_journal(copies.may_create)
    outcomes = await copies.read_journal()
    journaled, known = copies.journaled, copies.known
    findings = [_whole("journal", journaled, known)]
    left = unmended(outcomes)
    void = sum(outcome.verdict == "void" for outcome in outcomes)
    mended = sum(outcome.verdict == "damaged" for outcome in outcomes) - len(left)
    if void:
        findings.append(Finding("journal", f"{void} entries are void: others came first"))
    if mended:
        problem = f"{mended} entries are damaged, and no template is missing: the chain goes on behind them"
        findings.append(Finding("journal", problem))
    return findings + [_damaged(place, each) for place, each in left]


def _damaged(place: int, outcome: Outcome) -> Finding:
    """What was lost by it shows in the finding about the whole journal."""
    return Finding(f"journal entry {place} ({outcome.name})", f"it is damaged: {outcome.reason}", "repairable")


def _whole(copy: str, ledger: Ledger, known: Ledger) -> Finding:
    """Compare a whole copy with what is known to be durable."""
    if ledger.begins_with(known):
        return Finding(copy, "")
    if known.begins_with(ledger):
        return Finding(copy, f"it ends at {spelled(ledger.end)}, before {spelled(known.end)}", "repairable")
    return Finding(copy, "it holds other entries than are known here", "lost")


async def _log(copies: Copies, truth: Ledger) -> list[Finding]:
    await copies.connect_log()
    reading = await copies.log.read(BEGINNING, PAGE)
    reason = misfit(None if reading is None else reading.state, truth)
    findings = [Finding("log", reason, "repairable" if reason else "ok")]
    if reading is None:
        return findings
    there = {(record.generation, record.number): record for record in await _all(copies, reading)}
    for record in truth.records():
        findings += _difference(there.pop((record.generation, record.number), None), record)
    findings += [finding for record in there.values() for finding in _difference(record, record)]
    if reading.state.active > truth.end:
        findings.append(Finding("log", "entries are active that the journal does not hold", "repairable"))
    elif there:
        findings.append(Finding("log", f"{len(there)} entries are proposed, and not in the journal yet"))
    if (reading.retired or frozenset()) != truth.retired:
        findings.append(Finding("log", "other templates are retired than the journal says", "repairable"))
    return findings


async def _all(copies: Copies, reading: LogReading) -> Sequence[LogRecord]:
    records = list(reading.records)
    page: LogReading | None = reading
    while page is not None and page.records:
        page = await copies.log.read(behind(records[-1]), PAGE)
        records += page.records if page is not None else ()
    return records


def _difference(found: LogRecord | None, expected: LogRecord) -> list[Finding]:
    name = f"log entry {expected.generation}-{expected.number}"
    if found is None:
        return [Finding(name, "it is missing", "repairable")]
    try:
        entry = Entry.from_bytes(found.data)
    except CodebookError as exc:
        return [Finding(name, f"it is damaged: {exc}", "repairable")]
    if entry.record != found or found != expected:
        return [Finding(name, "it is another entry", "repairable")]
    return []


async def _mirror(copies: Copies, _truth: Ledger) -> list[Finding]:
    """A mirror is a cache: whatever is wrong with it, the next start mends it."""
    content = await copies.mirror.read()
    if not content.records and not content.damaged and not copies.mirror.kept:
        return []
    ledger = Ledger()
    outcomes: list[Outcome] = await applied(ledger, content.records)
    whole = _whole("mirror", ledger, copies.known)
    findings = [Finding(whole.subject, whole.problem, "repairable" if whole.problem else "ok")]
    findings += [Finding(name, "it is damaged", "repairable") for name, _ in content.damaged]
    if any(outcome.verdict != "applied" for outcome in outcomes):
        findings.append(Finding("mirror", "some of its entries do not follow on", "repairable"))
    return findings
