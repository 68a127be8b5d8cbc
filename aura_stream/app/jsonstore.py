"""AURA's JSON stores: `{"version": "1.0", "platform_templates": {"12": {"pattern": "I cannot {0}."}}, ...}`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from aura_stream.app.candidates import Candidate
from aura_stream.app.patterns import phrases_of, template_of
from aura_stream.errors import CodebookError

VERSION: Final = "1.0"
SECTIONS: Final = ("platform_templates", "user_templates")
MAX_JSON: Final = 16 << 20
MAX_ENTRIES: Final = 1 << 16
_MAX_NAME: Final = 40  # characters of a key that stand in a message


def read_json_store(data: bytes, with_phrases: bool = False) -> Iterator[Candidate]:
    """Yield what stands in a store, entry by entry; the odd ones with the reason why they cannot be taken.

    `with_phrases`: the texts between the slots of a pattern too. Raises CodebookError for a file that is no such store.
    """
    store = _parse(data)
    if store.get("version") != VERSION:
        found = store.get("version")
        raise CodebookError(f'only version "{VERSION}" is known here, not {_shown(found)} ({type(found).__name__})')
    sections = {name: store.get(name, {}) for name in SECTIONS}
    for name, entries in sections.items():
        if not isinstance(entries, dict):
            raise CodebookError(f"{name} is not an object")
    if sum(map(len, sections.values())) > MAX_ENTRIES:
        raise CodebookError(f"holds more than {MAX_ENTRIES} templates")
    for name, entries in sections.items():
        for key, entry in entries.items():
            yield from _candidates(f"{name} {_shown(key)}", entry, with_phrases)


def _candidates(name: str, entry: Any, with_phrases: bool) -> Iterator[Candidate]:
    if not isinstance(entry, dict) or "pattern" not in entry:
        yield Candidate(name, problem='is not an object with a "pattern"')
    elif not isinstance(entry["pattern"], str):
        yield Candidate(name, problem="has a pattern that is not a string")
    else:
        try:
            yield Candidate(name, template_of(entry["pattern"]))
            if with_phrases:
                yield from (Candidate(f"{name}, a phrase of it", phrase) for phrase in phrases_of(entry["pattern"]))
        except CodebookError as error:
            yield Candidate(name, problem=str(error))


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_JSON:
        raise CodebookError(f"a JSON store has at most {MAX_JSON} bytes, not {len(data)}")
    try:
        store = json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise CodebookError(f"not UTF-8 text, at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise CodebookError(f"not JSON, at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise CodebookError("nested too deeply") from error
    except ValueError as error:  # a number of more digits than Python reads
        raise CodebookError("holds a number that is no number of a store") from error
    if not isinstance(store, dict):
        raise CodebookError("not a store: not a JSON object")
    return store


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise CodebookError(f"the key {_shown(key)} stands twice in one object")
        found[key] = value
    return found


def _constant(name: str) -> None:
    raise CodebookError(f"{name} is not JSON")


def _shown(value: Any) -> str:
    """Return a key or a version as it may stand in a message: short, and without control characters."""
    if isinstance(value, dict | list):
        return "no string"
    text = str(value).encode("ascii", "backslashreplace").decode()
    printable = "".join(each if each.isprintable() else "?" for each in text)
    return printable if len(printable) <= _MAX_NAME else f"{printable[:_MAX_NAME]}..."
