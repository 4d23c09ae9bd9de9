"""The `evals` key: graders, the dataset of cases, mocks and the gate."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from backend.core.errors import Problem, PurasError
from backend.core.names import as_name, is_name
from backend.skills.manifest.examples import fits
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.functions import Parameters
from backend.skills.manifest.sections import Section
from backend.skills.manifest.skill_reader import Reading
from backend.skills.manifest.types import Gate, Grader
from backend.skills.schemas.messages import shown
from backend.skills.schemas.schema_dialect import Schema
from backend.skills.schemas.value_schemas import InputSchema

MAX_DATASET_BYTES: Final = 16 << 20
MAX_CASES: Final = 5_000
KINDS: Final = ("check", "rubric", "exact_match", "schema")
GIVEN: Final = ("inputs", "output")
"""What a check is called with, by name."""

_FIELD: Final = re.compile(r"[^.\s\[\]]+(\[\d+\]|\.[^.\s\[\]]+)*\Z")


def read(section: Section, reading: Reading, input_schema: Schema | None) -> dict[str, Any]:
    """The fields of the manifest that this key sets."""
    if not isinstance(section.raw("evals"), dict):
        return {"evals": _graders(section, "evals", reading)}
    evals = section.section("evals")
    if evals is None:
        return {}
    dataset = evals.text("dataset")
    fields = {
        "evals": _graders(evals, "graders", reading),
        "eval_dataset": _dataset(evals, dataset, reading, input_schema) if dataset else None,
        "eval_mocks": evals.mapping("mocks") or {},
        "eval_gate": _gate(evals, has_dataset=dataset is not None),
    }
    evals.finish("'evals'")
    return fields


def _graders(section: Section, key: str, reading: Reading) -> tuple[Grader, ...]:
    found: list[Grader] = []
    for grader_section in section.sections(key, "graders"):
        grader = _grader(grader_section, reading)
        if grader is not None:
            if any(grader.name == other.name for other in found):
                grader_section.error("name", f"Two graders are called {grader.name!r}. Rename one.")
            found.append(grader)
    return tuple(found)


def _grader(section: Section, reading: Reading) -> Grader | None:
    name = section.text("name", is_required=True)
    if name and not is_name(name):
        section.error("name", f"{shown(name)} is not a name for a grader. Write {as_name(name)!r}.")
    kind = section.choice("kind", KINDS)
    weight = section.number("weight", most=1_000_000, is_positive=True)
    if kind is None:
        if section.value.get("kind") is None:
            section.error("kind", f"'kind' is missing here. Add one of {', '.join(KINDS)}.")
        return None
    fields: dict[str, Any] = {"name": name or "", "kind": kind, "weight": 1.0 if weight is None else weight}
    fields |= _OF_KIND[kind](section, reading)
    section.finish(f"A grader of kind {kind!r}")
    return Grader(**fields)


def _check(section: Section, reading: Reading) -> dict[str, Any]:
    entrypoint = section.text("entrypoint", is_required=True)
    if entrypoint:
        parameters = reading.function(section, "entrypoint", entrypoint)
        if parameters is not None:
            _check_call(section, entrypoint.rpartition(":")[2], parameters)
    return {"entrypoint": entrypoint}


def _check_call(section: Section, function: str, parameters: Parameters) -> None:
    """Report a check that the call `f(inputs=…, output=…)` would fail."""
    flaws = [f"{name!r} is positional-only" for name in parameters.positional_only]
    flaws += [f"it needs {name!r}, which is not given" for name in parameters.needed if name not in GIVEN]
    if not parameters.takes_any:
        flaws += [f"it has no parameter {name!r}" for name in GIVEN if name not in parameters.names]
    if flaws:
        section.error(
            "entrypoint",
            f"A check is called as {function}(inputs=…, output=…), and {', '.join(flaws)}. Write: "
            f"def {function}(inputs, output).",
        )


def _rubric(section: Section, reading: Reading) -> dict[str, Any]:
    criteria = section.text("criteria", is_required=True)
    levels = section.mapping("levels")
    for score, text in (levels or {}).items():
        if not isinstance(text, str) or not _is_number(score):
            section.error(
                ("levels", score), "A level is a score and its text, like '1.0: complete and correct'."
            )
    return {
        "criteria": criteria,
        "levels": {score: str(text) for score, text in levels.items()} if levels else None,
    }


def _exact_match(section: Section, reading: Reading) -> dict[str, Any]:
    field = section.text("field")
    if field and not _FIELD.match(field):
        section.error("field", f"{shown(field)} is not a path. Write it as 'items[0].name'.")
    return {"field": field}


def _schema(section: Section, reading: Reading) -> dict[str, Any]:
    return {"expected_schema": reading.schema(section, "schema", is_required=False)}


_OF_KIND: Final = {"check": _check, "rubric": _rubric, "exact_match": _exact_match, "schema": _schema}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _gate(parent: Section, *, has_dataset: bool) -> Gate | None:
    section = parent.section("gate")
    if section is None:
        return None
    if not has_dataset:
        section.error(None, "A gate needs cases to run. Add 'dataset'.")
    threshold = section.number("threshold", most=100)
    if section.value.get("threshold") is None:
        section.error("threshold", "'threshold' is missing here. Add a number from 0 to 100.")
    repeat = section.whole("repeat", least=1, most=20)
    section.finish("'gate'")
    return Gate(threshold=threshold or 0.0, repeat=repeat or 1)


def _dataset(section: Section, name: str, reading: Reading, input_schema: Schema | None) -> str | None:
    if not name.endswith(".jsonl"):
        section.error("dataset", f"{shown(name)} is not a dataset. Name a .jsonl file, one case per line.")
        return None
    path = reading.path(section, "dataset", name)
    if path is None:
        return None
    file = reading.folder.inside(path)
    try:
        content = reading.archive.read(file, most_bytes=MAX_DATASET_BYTES)
    except PurasError as error:
        section.error("dataset", error.detail)
        return None
    inputs = InputSchema(input_schema, takes_attachments=True) if input_schema is not None else None
    for problem in _case_problems(file, content, inputs, reading.findings):
        reading.findings.error(problem)
    return path


def _case_problems(
    file: str, content: bytes, inputs: InputSchema | None, findings: Findings
) -> list[Problem]:
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    cases = 0
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        cases += 1
        if cases > MAX_CASES or len(problems) >= 20:
            break
        if findings.is_late:
            return [
                *problems,
                Problem(file, "Checking the cases takes too long. Simplify input_schema.", number),
            ]
        message = _case_problem(line, number, seen, inputs)
        if message:
            problems.append(Problem(file, message, number))
    if cases > MAX_CASES:
        problems.append(Problem(file, f"The dataset has more than {MAX_CASES:,} cases. Split it."))
    if cases == 0:
        problems.append(Problem(file, 'The dataset has no case. Add a line like {"inputs": {…}}.'))
    return problems


def _case_problem(line: bytes, number: int, seen: dict[str, int], inputs: InputSchema | None) -> str | None:
    try:
        case = json.loads(line)
    except (ValueError, RecursionError):
        return "This line is not JSON. Write one case per line."
    values = case.get("inputs") if isinstance(case, dict) else None
    if not isinstance(values, dict):
        return 'A case needs an object "inputs".'
    name = case.get("id")
    if name is not None:
        if not isinstance(name, str):
            return f'"id" has to be text, not {shown(name)}.'
        if name in seen:
            return f"The id {shown(name)} is in line {seen[name]} already. Ids are unique."
        seen[name] = number
    problems = fits(inputs, values) if inputs else []
    return (
        f"The case does not fit input_schema: {problems[0].path}: {problems[0].message}" if problems else None
    )
