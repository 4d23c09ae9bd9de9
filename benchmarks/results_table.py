"""Store results as JSON in `results/`, and write `RESULTS.md` from all stored results and `reasons.toml`."""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measurement import Measurement

FOLDER: Final = Path(__file__).parent
RESULTS: Final = FOLDER / "results"
REASONS: Final = FOLDER / "reasons.toml"
TABLE: Final = FOLDER / "RESULTS.md"
MIN_STORED_ROUNDS: Final = 5
"""Results of fewer rounds are only printed."""
NO_REASON: Final = "**no reason in `reasons.toml`**"

Stored = Mapping[str, Any]
Reasons = Mapping[str, Mapping[str, str]]


def stored_form(measurement: Measurement, host: Mapping[str, str], rounds: int) -> dict[str, Any]:
    """Return a result as it is stored."""
    return {**host, "rounds": rounds, **measurement.as_json()}


def store(stored: Stored) -> None:
    """Write the file of a result."""
    text = json.dumps(stored, ensure_ascii=False, indent=1)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{stored['number']}.json").write_text(text + "\n", encoding="utf-8")


def load() -> list[Stored]:
    """Return all stored results in the order of their numbers."""
    found = [json.loads(file.read_text(encoding="utf-8")) for file in RESULTS.glob("N*.json")]
    return sorted(found, key=lambda stored: int(stored["number"].removeprefix("N")))


def load_reasons() -> Reasons:
    """Return the reasons for missed goals, by number and row."""
    return tomllib.loads(REASONS.read_text(encoding="utf-8"))


def write() -> None:
    """Write the table of all stored results."""
    TABLE.write_text(table(load(), load_reasons()), encoding="utf-8")


def table(results: Sequence[Stored], reasons: Reasons) -> str:
    """Return results as Markdown, with their hosts, goals, and the reasons for missed goals."""
    lines = [
        "# Benchmark results",
        "",
        "`make bench` writes this file; [README.md](README.md) describes how. Compare ratios: absolute times depend on",
        "the host. Raw values are in [results/](results).",
        "",
        *_hosts(results),
        "",
        "| # | Number | Goal | Measured | Met | Reason |",
        "|---|---|---|---|---|---|",
    ]
    for stored in results:
        lines += [_line(stored["number"], row, reasons) for row in stored["rows"]]
    lines += ["", "## Method", ""]
    lines += [f"- **{stored['number']}**: {stored['method']}" for stored in results if stored["method"]]
    return "\n".join(lines) + "\n"


def _line(number: str, row: Mapping[str, Any], reasons: Reasons) -> str:
    of_number = reasons.get(number, {})
    reason = of_number.get(row["key"], of_number.get("all", NO_REASON))
    met = "yes" if row["is_met"] else "**no**"
    shown = "" if row["is_met"] else reason
    return f"| {number} | {row['what']} | {row['goal']} | {row['measured']} | {met} | {shown} |"


def _hosts(results: Sequence[Stored]) -> list[str]:
    """Describe the host; name the numbers of each one if there are several, since their times cannot be compared."""
    numbers: dict[tuple[str, str], list[Stored]] = defaultdict(list)
    for stored in results:
        numbers[stored["machine"], stored["versions"]].append(stored)
    lines = []
    for (machine, versions), of_host in numbers.items():
        rounds = sorted({stored["rounds"] for stored in of_host if stored["rounds"]})
        commits = sorted({f"{stored['commit']} ({stored['date']})" for stored in of_host})
        prefix = "" if len(numbers) == 1 else f"**{', '.join(stored['number'] for stored in of_host)}**: "
        lines.append(
            f"- {prefix}{machine}; {versions}; commit {', '.join(commits)}"
            + (f"; {' or '.join(map(str, rounds))} rounds" if rounds else "")
        )
    return lines
