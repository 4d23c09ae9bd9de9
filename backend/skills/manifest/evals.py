"""Rules of the key `evals`: graders, the dataset of cases, and the gate."""

from __future__ import annotations

import json
import re
from typing import Final

from backend.core.errors import Problem, PurasError
from backend.skills.manifest.examples import fits
from backend.skills.manifest.files import Evals
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.functions import Parameters
from backend.skills.manifest.skill_reader import Reading, Section
from backend.skills.manifest.types import Grader
from backend.skills.schemas.messages import shown
from backend.skills.schemas.value_schemas import InputSchema

MAX_DATASET_BYTES: Final = 16 << 20
MAX_CASES: Final = 5_000
GIVEN: Final = ("inputs", "output")
"""The arguments of a check, by name."""

_FIELD: Final = re.compile(r"[^.\s\[\]]+(\[\d+\]|\.[^.\s\[\]]+)*\Z")


def check_evals(evals: Evals, section: Section) -> Evals:
    """Report a gate without cases, and cases that cannot be used."""
    if evals.gate is not None and evals.dataset is None:
        section.error("gate", "A gate requires cases. Add 'dataset'.")
    path = _dataset(section, evals.dataset, section.reading) if evals.dataset else None
    return evals.model_copy(update={"dataset": path})


def check_grader(grader: Grader, section: Section) -> Grader:
    """Report an entrypoint, levels or a path that cannot be used."""
    if grader.kind == "check" and grader.entrypoint:
        parameters = section.reading.parameters(grader.entrypoint)
        if parameters is not None:
            _check_call(section, grader.entrypoint.rpartition(":")[2], parameters)
    for score in grader.levels or ():
        if not _is_number(score):
            message = "A level consists of a score and a text, like '1.0: complete and correct'."
            section.error(("levels", score), message)
    if grader.field and not _FIELD.match(grader.field):
        section.error("field", f"{shown(grader.field)} is not a path. Write it as 'items[0].name'.")
    return grader.model_copy(update={"levels": grader.levels or None})


def _check_call(section: Section, function: str, parameters: Parameters) -> None:
    """Report a check that cannot be called as `f(inputs=…, output=…)`."""
    flaws = [f"{name!r} is positional-only" for name in parameters.positional_only]
    flaws += [f"it requires {name!r}, which is not passed" for name in parameters.needed if name not in GIVEN]
    if not parameters.takes_any:
        flaws += [f"it has no parameter {name!r}" for name in GIVEN if name not in parameters.names]
    if flaws:
        section.error(
            "entrypoint",
            f"A check is called as {function}(inputs=…, output=…), and {', '.join(flaws)}. Write: "
            f"def {function}(inputs, output).",
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _dataset(section: Section, name: str, reading: Reading) -> str | None:
    if not name.endswith(".jsonl"):
        section.error(
            "dataset", f"{shown(name)} is not a dataset. Name a .jsonl file with one case per line."
        )
        return None
    path = reading.path(section, "dataset", name)
    if path is None:
        return None
    file = reading.folder.inside(path)
    try:
        content = reading.archive.read(file, max_bytes=MAX_DATASET_BYTES)
    except PurasError as error:
        section.error("dataset", error.detail)
        return None
    schema = reading.input_schema
    inputs = InputSchema(schema, takes_attachments=True) if schema is not None else None
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
                Problem(file, "The validation of the cases takes too long. Simplify input_schema.", number),
            ]
        message = _case_problem(line, number, seen, inputs)
        if message:
            problems.append(Problem(file, message, number))
    if cases > MAX_CASES:
        problems.append(Problem(file, f"The dataset has more than {MAX_CASES:,} cases. Split it."))
    if cases == 0:
        problems.append(Problem(file, 'The dataset has no cases. Add a line like {"inputs": {…}}.'))
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
            return f'"id" must be text, not {shown(name)}.'
        if name in seen:
            return f"The id {shown(name)} is already in line {seen[name]}. IDs must be unique."
        seen[name] = number
    problems = fits(inputs, values) if inputs else []
    return (
        f"The case is not valid for input_schema: {problems[0].path}: {problems[0].message}"
        if problems
        else None
    )
