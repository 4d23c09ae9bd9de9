"""Derive the skills that the steps `prompt` and `python` of a flow run.

No manifest lists such a skill, so that nothing but its flow can call it. Its name describes how it is derived:
`post:review` is the step `review` of the flow `post`. Apart from what the step declares, it is that flow: it has the
same files, packages, network, guardrails, limits and lane, so that a step cannot circumvent what its flow may do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from backend.skills.flows.types import Flow, Step
from backend.skills.manifest.derived import derive_skill
from backend.skills.manifest.types import Limits, Manifest, Retries, Skill
from backend.skills.schemas.schema_dialect import Schema
from backend.skills.schemas.value_schemas import ATTACHMENTS, FILES

PROMPT: Final = "@prompt"
"""Entrypoint of a step whose job has the prompt."""
_NAME: Final = re.compile(r"(?P<flow>[^:]+):(?P<step>[A-Za-z_][A-Za-z0-9_]*)\Z", re.ASCII)
_INPUT: Final = re.compile(r"\s*\$\{\{\s*inputs\.(?P<name>[A-Za-z_]\w*)\s*\}\}\s*\Z", re.ASCII)
_DEFINITIONS: Final = "$defs"


def name_of(flow: str, step: str) -> str:
    """Return the name of the skill of a step."""
    return f"{flow}:{step}"


def is_step(name: str) -> bool:
    """Return whether a job with this skill name runs a step of a flow."""
    return _NAME.match(name) is not None


def find(name: str, manifest: Manifest) -> Skill | None:
    """Return the skill of a step; `None` if the manifest has no such flow, or the flow no such step."""
    match = _NAME.match(name)
    flow = manifest.find(match["flow"]) if match else None
    if match is None or flow is None or flow.flow is None:
        return None
    found = flow.step_skills.get(match["step"])
    if found is None:
        step = _step(Flow.model_validate(flow.flow), match["step"])
        if step is None:
            return None
        found = flow.step_skills[step.id] = _skill_of(flow, step)
    return found


def _step(flow: Flow, step_id: str) -> Step | None:
    steps = (step for step in flow.walk() if step.kind in ("prompt", "python"))
    return next((step for step in steps if step.id == step_id), None)


def _skill_of(flow: Skill, step: Step) -> Skill:
    is_agentic = step.kind == "prompt"
    return derive_skill(
        flow,
        name=name_of(flow.name, step.id),
        title=step.title,
        entrypoint=PROMPT if is_agentic else step.python,
        is_agentic=is_agentic,
        input_schema=_input_schema(flow, step),
        output_schema=step.output_schema or {},
        model=step.model,
        limits=_limits(flow, step),
        flow=None,
        calls_paid_skills=False,
        retries=Retries(),  # those of the step are other jobs
        memory=None,
    )


def _limits(flow: Skill, step: Step) -> Limits:
    if step.limits is not None:
        declared = step.limits.model_dump(exclude_none=True)
        return flow.limits.model_copy(update=declared)
    if step.kind == "python" and not flow.media_kinds:  # a function that buys nothing should reserve nothing
        return flow.limits.model_copy(update={"cost_usd": None})
    return flow.limits


def _input_schema(flow: Skill, step: Step) -> Schema:
    """Return the schema of the inputs of a step.

    An input that is an input of the flow keeps its schema, so that files are passed as files.
    """
    properties = {name: _schema_of(value, flow.input_schema) for name, value in step.inputs.items()}
    if step.kind == "prompt" and ATTACHMENTS in properties:
        properties[ATTACHMENTS] = FILES
    schema: Schema = {"type": "object", "properties": properties}
    definitions = flow.input_schema.get(_DEFINITIONS)
    return schema if definitions is None else {**schema, _DEFINITIONS: definitions}


def _schema_of(value: Any, inputs: Schema) -> Schema:
    match = _INPUT.match(value) if isinstance(value, str) else None
    declared = inputs.get("properties", {}).get(match["name"]) if match else None
    if not isinstance(declared, dict):
        return {}
    is_complete = all(target.startswith(f"#/{_DEFINITIONS}/") for target in _references(declared))
    return declared if is_complete else {}


def _references(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("$ref"), str):
                yield one["$ref"]
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
