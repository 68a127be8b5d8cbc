"""Writes the measured figures into README.md and docs/figures.md, from benchmarks/results/*.json.

    python tools/fill_figures.py

Run the benchmarks with --json first; each table in docs/figures.md names its command. No figure is typed by hand.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
FIGURES = ROOT / "docs" / "figures.md"
BEGIN, END = "<!-- figures: begin (tools/fill_figures.py) -->", "<!-- figures: end -->"

SHOWN = {  # rows of the README: what people recognise, and the files that gain least
    "loghub_openssh.log": "SSH log",
    "loghub_hdfs.log": "HDFS log",
    "access_apache.log": "web access log",
    "trades_coinbase.jsonl": "market data, JSON",
    "agent_messages.jsonl": "LLM agent messages, JSON",
    "chat_utterances.txt": "chat lines",
    "cloudtrail.jsonl": "CloudTrail, JSON",
    "github_events.jsonl": "GitHub events, JSON",
    "api_github_rest.jsonl": "REST API bodies, JSON",
}


README_TEXT = """\
How many times smaller each message gets, alone (`python benchmarks/ratio.py DIR`: the first quarter of a file trains,
the rest is measured; the dictionary is the best of four that zstd trains; a check byte is counted on our side only):"""

RATIO_TEXT = """\
`python benchmarks/ratio.py DIR --json benchmarks/results/ratio.json`, DIR being a folder of real messages that is not
part of the project. Ratios of message bytes to bytes stored, each message alone; screening on. `zdict`: the best of
four zstd dictionaries, chosen on the measured part itself, without magic, checksum and dictionary id; `zdict+1`
carries a check byte as our frames do."""

SPEED_TEXT = """\
`python benchmarks/codec.py FILE … --json benchmarks/results/codec.json`: pure Python, as multiples of zstd with the
codebook's dictionary through the zstandard wheel in the same run. `new shape` is the full parse of a message whose
shape the codec has not seen."""

BRIDGE_TEXT = """\
`python benchmarks/bridge.py --repeats 4 --json benchmarks/results/bridge.json`: log lines of 115 bytes from one topic
or stream to another on a real server beside it, one Python process, two cores shared by all; each variant against a
plain copy loop of the client library in the same run, best of 4."""

DRIFT_TEXT = """\
`python benchmarks/drift.py DIR --jobs 2 --json benchmarks/results/drift.json`: each file from its first message to its
last, each message once. After 1, 2, 3, 5, 7.5 and 10 % and then every 5 % the miner proposes
from what has passed, and the codec adopts it. `zdict`: a dictionary retrained at the same moments, the better of two
sizes on the very messages to come. `online`: ours, screened at five messages a word (`k=3`: at three). `frozen`: the
book of the first quarter, over the rest; `after`: the online one over the same. `by template`: frames; `whole`:
messages that a single template spells."""

GROWTH_TEXT = """\
`python benchmarks/growth.py --json benchmarks/results/growth.json`: the same messages with books of more and more
templates, interleaved, as multiples of the smallest book; milliseconds to adopt 100 more."""

STORE_TEXT = """\
`python benchmarks/store.py --json benchmarks/results/store.json`: on a real Redis, with a journal in a file; best of
three, each start in a process of its own."""


def load(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text())


def ratio_row(label: str, row: dict[str, Any]) -> str:
    relative = row["ours"] / row["zdict"]
    size = f"{row['bytes_per_message']:.0f}" if "bytes_per_message" in row else ""
    return f"| {label} | {size} | {row['zstd']:.2f} | {row['zdict']:.2f} | **{row['ours']:.2f}** | {relative:.2f} |"


def drift_sentence(drift: Any) -> str:
    mean = drift["geometric_mean"]
    return (
        "Learning goes on while messages pass (`python benchmarks/drift.py DIR`, every message once, from the first): "
        f"**{mean['online']:.2f}** times smaller over the same files, {mean['relative']:.2f} times what a dictionary "
        f"reaches that is retrained at the same moments. Behind the first quarter it is {mean['after']:.2f}, where the "
        f"book of that quarter reaches {mean['frozen']:.2f}."
    )


def readme_block(ratio: Any, drift: Any) -> str:
    rows = {row["file"]: row for row in ratio["files"]}
    lines = [
        README_TEXT,
        "",
        "| messages | bytes | zstd | zstd with dictionary | AURA Stream | against the dictionary |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [ratio_row(label, rows[name]) for name, label in SHOWN.items()]
    lines.append(ratio_row(f"**{len(rows)} files, geometric mean**", ratio["geometric_mean"]))
    lines += ["", *textwrap.wrap(drift_sentence(drift), 118)]
    lines += ["", "[All files, and what encoding, learning and bridging cost](docs/figures.md)."]
    return "\n".join(lines)


def ratio_table(ratio: Any) -> list[str]:
    lines = [
        "## Size",
        "",
        RATIO_TEXT,
        "",
        "| file | messages | bytes | zstd | brotli | zdict | zdict+1 | ours | / zdict | / zdict+1 | codebook KiB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in ratio["files"]:
        figures = [row[key] for key in ("zstd", "brotli", "zdict", "zdict_checked", "ours")]
        figures += [row["ours"] / row["zdict"], row["ours"] / row["zdict_checked"]]
        cells = " | ".join(f"{value:.2f}" for value in figures)
        head = f"| {row['file']} | {row['messages']} | {row['bytes_per_message']:.0f} | "
        lines.append(f"{head}{cells} | {row['codebook_bytes'] / 1024:.0f} |")
    mean = ratio["geometric_mean"]
    cells = " | ".join(f"**{value:.2f}**" for value in mean.values())
    lines.append(f"| **geometric mean** | | | {cells} | |")
    larger = sum(row["larger_by_more_than_1"] for row in ratio["files"])
    utf8 = sum(row["utf8_larger"] for row in ratio["files"])
    lines += [
        "",
        f"Frames larger than their message by more than one byte: {larger}; UTF-8 messages that grew: {utf8}.",
    ]
    return lines


def speed_table(rows: Any) -> list[str]:
    lines = [
        "## Time",
        "",
        SPEED_TEXT,
        "",
        "| file | bytes | shape seen | encode | new shape | decode | encode µs | new shape µs | decode µs |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        encode, unseen = row["encode_seen"], row["encode_unseen"]
        times = [encode / row["zstd_encode"], unseen / row["zstd_encode"], row["decode"] / row["zstd_decode"]]
        cells = " | ".join(f"{value:.0f} x" for value in times)
        micro = f"{encode:.1f} | {unseen:.0f} | {row['decode']:.1f}"
        share = f"{100 * row['seen_share']:.0f} %"
        lines.append(f"| {row['file']} | {row['bytes_per_message']:.0f} | {share} | {cells} | {micro} |")
    return lines


def bridge_table(systems: Any) -> list[str]:
    lines = [
        "## Bridging",
        "",
        BRIDGE_TEXT,
        "",
        "| server | variant | messages/s | CPU µs a message | of the plain loop |",
        "|---|---|--:|--:|--:|",
    ]
    for system, variants in systems.items():
        for name, row in variants.items():
            rate, cpu = row["messages"] / row["seconds"], row["cpu"] / row["messages"] * 1e6
            lines.append(f"| {system} | {name} | {rate:,.0f} | {cpu:.1f} | {row['ratio']:.2f} |")
    return lines


def drift_table(drift: Any) -> list[str]:
    lines = [
        "## Learning while traffic changes",
        "",
        DRIFT_TEXT,
        "",
        "| file | zdict | online | / zdict | k=3 | / zdict | frozen | after | by template | whole |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    first = sum(moment <= 0.25 for moment in drift["moments"])
    for row in drift["files"]:
        online, three = row["online"], row["at_three"]
        raw, zdict, ours = sum(row["raw"]), sum(row["zdict"]), sum(online["parts"])
        figures = [raw / zdict, raw / ours, zdict / ours, raw / sum(three["parts"]), zdict / sum(three["parts"])]
        rest = sum(row["raw"][first:])
        figures += [rest / online["frozen"], rest / sum(online["parts"][first:])]
        cells = " | ".join(f"{value:.2f}" for value in figures)
        lines.append(f"| {row['file']} | {cells} | {online['template_share']:.0%} | {online['whole_share']:.0%} |")
    mean = drift["geometric_mean"]
    names = ("zdict", "online", "relative", "at_three", "relative_at_three", "frozen", "after")
    cells = " | ".join(f"**{mean[name]:.2f}**" for name in names)
    lines.append(f"| **geometric mean** | {cells} | | |")
    return lines


def growth_table(growth: Any) -> list[str]:
    lines = [
        "## Growth",
        "",
        GROWTH_TEXT,
        "",
        "| templates | encode | new shape | decode | encode µs | new shape µs | decode µs | adopt ms |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    first = growth["rows"][0]
    for row in growth["rows"]:
        names = ("encode", "full_parse", "decode")
        ratios = " | ".join(f"{row[name] / first[name]:.2f} x" for name in names)
        times = " | ".join(f"{row[name]:.1f}" for name in names)
        lines.append(f"| {row['templates']:,} | {ratios} | {times} | {row['adopt_ms']:.2f} |")
    return lines


def store_table(rows: Any) -> list[str]:
    names = list(rows[0])
    lines = ["## The store", "", STORE_TEXT, "", "| " + " | ".join(names) + " |", "|" + "--:|" * len(names)]
    lines += ["| " + " | ".join(f"{value:,.2f}".removesuffix(".00") for value in row.values()) + " |" for row in rows]
    return lines


def main() -> None:
    ratio = load("ratio")
    text = README.read_text()
    before, rest = text.split("<!-- figures: begin", 1)
    _, after = rest.split(END, 1)
    README.write_text(f"{before}{BEGIN}\n{readme_block(ratio, load('drift'))}\n{END}{after}")
    parts = ["# Figures", "", "Written by `python tools/fill_figures.py` from the results of the commands named.", ""]
    parts += [*ratio_table(ratio), "", *drift_table(load("drift")), "", *speed_table(load("codec")), ""]
    parts += [*growth_table(load("growth")), "", *store_table(load("store")), "", *bridge_table(load("bridge"))]
    FIGURES.write_text("\n".join(parts).rstrip() + "\n")


if __name__ == "__main__":
    main()
