"""The comparison of two jobs: lines with a name and two values, in groups."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from backend.execution.events.schemas import SpanRead
from backend.execution.jobs.schemas import JobRead
from studio.formatting import duration, usd
from studio.job_facts import reason_of, version_of
from studio.theme import STATUS_WORDS

MAX_LINES: Final = 200
"""Maximum number of lines of a group."""
MAX_CHARACTERS: Final = 2_000
"""Longer values are shortened."""
_MISSING: Final = ""


@dataclass
class Line:
    """A name with the values of both jobs."""

    name: str
    first: str
    second: str
    is_different: bool


@dataclass
class LineGroup:
    """Lines with a title."""

    title: str
    lines: list[Line] = field(default_factory=list)
    differences: int = 0


def compare_jobs(
    first: JobRead,
    second: JobRead,
    spans: tuple[Sequence[SpanRead], Sequence[SpanRead]],
    names: tuple[str, str],
) -> list[LineGroup]:
    """Return the comparison of two jobs; `names` are the full names of their skills."""
    return [
        _group("Job", _facts(first, names[0]), _facts(second, names[1])),
        _group("Inputs", _inputs(first), _inputs(second)),
        _group("Result", _paths(first.result), _paths(second.result)),
        _group("Spans", _times(spans[0]), _times(spans[1])),
    ]


def _group(title: str, first: Mapping[str, str], second: Mapping[str, str]) -> LineGroup:
    names = list(dict.fromkeys([*first, *second]))
    lines = [_line(name, first.get(name, _MISSING), second.get(name, _MISSING)) for name in names[:MAX_LINES]]
    return LineGroup(title, lines, sum(line.is_different for line in lines))


def _line(name: str, first: str, second: str) -> Line:
    return Line(name, first[:MAX_CHARACTERS], second[:MAX_CHARACTERS], first != second)


def _facts(job: JobRead, skill: str) -> dict[str, str]:
    ended_s = None if job.finished_at is None or job.started_at is None else job.finished_at - job.started_at
    usage = job.usage
    facts = {
        "Status": STATUS_WORDS[job.status],
        "Reason": reason_of(job),
        "Skill": skill,
        "Version": version_of(job),
        "Environment": job.environment,
        "Model": job.model or str(usage.get("model") or ""),
        "Duration": "" if ended_s is None else duration(ended_s.total_seconds()),
        "Cost": usd(job.cost_micros) if job.finished_at else "",
        "Attempts": str(job.attempt),
        "Steps": str(job.steps) if job.steps else "",
        "Input tokens": _number(usage.get("input_tokens")),
        "Output tokens": _number(usage.get("output_tokens")),
        "Eval score": "" if job.eval_score is None else str(job.eval_score),
    }
    return {name: text for name, text in facts.items() if text}


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and value else ""


def _inputs(job: JobRead) -> dict[str, str]:
    prompt = {} if job.prompt is None else {"prompt": job.prompt}
    return prompt | _paths(job.inputs)


def _paths(value: Any) -> dict[str, str]:
    """Return the values in a JSON document by their paths."""
    found: dict[str, str] = {}
    for path, text in _leaves(value, ""):
        if len(found) >= MAX_LINES:
            break
        found[path] = text
    return found


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield from _leaves(part, f"{path}[{index}]")
    elif value is not None or path:
        yield path or "value", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _times(spans: Sequence[SpanRead]) -> dict[str, str]:
    """Return the total time of the spans of each name; with their number, if there are several."""
    times: dict[str, list[float | None]] = defaultdict(list)
    for span in spans:
        times[f"{span.name} ({span.kind})"].append(span.duration_ms)
    return {name: _total(values) for name, values in times.items()}


def _total(durations_ms: Sequence[float | None]) -> str:
    known = [one for one in durations_ms if one is not None]
    text = duration(sum(known) / 1000) if known else "running"
    return text if len(durations_ms) == 1 else f"{text} ({len(durations_ms)})"
