"""Define the parsed form of a flow.yaml.

The classes are its one description: reader, JSON Schema and reference page follow from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from backend.skills.manifest.keys import Key, Part, Variant
from backend.skills.manifest.reader import read_parts, read_value
from backend.skills.manifest.types import Backoff, Limits, LooseText, Title, read_backoff
from backend.skills.manifest.values import FUNCTION_RULE, SCHEMA_RULE
from backend.skills.schemas.messages import shown
from backend.skills.schemas.schema_dialect import Schema

if TYPE_CHECKING:
    from backend.skills.manifest.skill_reader import Section

MAX_DURATION_S: Final = 366 * 86_400
MAX_CONCURRENCY: Final = 100
MAX_RETRIES: Final = 20

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(s|m|h|d)\Z")
_DURATION_SCHEMA: Final = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_DURATION_S},
        {"type": "string", "pattern": r"^\d{1,9}(\.\d{1,3})?[smhd]$"},
    ]
}
_ID_PATTERN: Final = "^[A-Za-z_][A-Za-z0-9_]*$"
_EXPRESSION: Final = {"type": "string", "pattern": r"\$\{\{"}
CANVAS: Final = "x-canvas"
"""The key with the places of steps on the canvas."""
MAX_CANVAS_OFFSET: Final = 100_000
_CANVAS_SCHEMA: Final = {
    "type": "object",
    "additionalProperties": {
        "type": "array",
        "items": {"type": "integer", "minimum": -MAX_CANVAS_OFFSET, "maximum": MAX_CANVAS_OFFSET},
        "minItems": 2,
        "maxItems": 2,
    },
}
_STEPS: Final = {"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1}
_STEPS_OF_FLOW: Final = {"type": "array", "items": {"$ref": "#/$defs/step"}}


def seconds_of(value: Any) -> float | None:
    """Return a duration in seconds: a number, or text such as `90s`, `15m`, `2h` or `3d`; `None` if it is neither."""
    if isinstance(value, str):
        match = _DURATION.match(value.strip())
        seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        return None
    return seconds if 0 < seconds <= MAX_DURATION_S else None


def _duration(section: Section, key: str) -> float | None:
    value = section.raw(key)
    if value is None:
        return None
    seconds = seconds_of(value)
    if seconds is None:
        forms = "a number of seconds, or text such as 90s, 15m, 2h or 3d, up to 366 days"
        section.error(key, f"{key!r} must be {forms}, not {shown(value)}.")
    return seconds


def _duration_or_expression(section: Section, key: str) -> float | str | None:
    value = section.raw(key)
    return value if isinstance(value, str) and "${{" in value else _duration(section, key)


def _condition(section: Section, key: str) -> bool | str | None:
    value = section.raw(key)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and "${{" in value:
        return value
    section.error(key, f"{key!r} must be an expression, not {shown(value)}. Write '${{{{ … }}}}'.")
    return None


def _list_or_expression(section: Section, key: str) -> list[Any] | str | None:
    value = section.raw(key)
    if value is None or isinstance(value, list):
        return value
    if isinstance(value, str) and "${{" in value:
        return value
    section.error(
        key, f"{key!r} must be a list, or an expression such as ${{{{ inputs.rows }}}}, not {shown(value)}."
    )
    return None


def _identifier(section: Section, key: str, value: str) -> str:
    if not re.fullmatch(_ID_PATTERN[1:-1], value):
        section.error(
            key,
            f"{shown(value)} is not a valid ID. Use letters, digits and '_', and no digit at the start, so that "
            "expressions can name it.",
        )
    return value


def _canvas(section: Section, key: str) -> dict[str, list[int]] | None:
    value = section.raw(key)
    if value is None:
        return None
    if isinstance(value, dict) and all(isinstance(one, str) and _is_offset(at) for one, at in value.items()):
        return value
    section.error(
        key,
        f"{key!r} must map IDs of steps to their places on the canvas, such as 'load: [320, -40]', not {shown(value)}. "
        "Remove it to arrange the steps automatically.",
    )
    return None


def _is_offset(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(one) is int and abs(one) <= MAX_CANVAS_OFFSET for one in value)
    )


_Condition = Annotated[
    bool | str | None, Key(read=_condition, schema={"anyOf": [{"type": "boolean"}, _EXPRESSION]})
]
_Duration = Annotated[float | None, Key(read=_duration, schema=_DURATION_SCHEMA)]


class StepRetries(Part):
    """When a failed step is repeated."""

    noun = "'retries'"

    max: Annotated[int, Key(most=MAX_RETRIES)] = 1
    """Maximum number of repetitions."""
    backoff: Annotated[Backoff, Key(read=read_backoff, shorthand={"type": "number", "minimum": 0})] = Backoff(
        initial_s=1.0
    )
    """How long to wait before each."""


def _retries(section: Section, key: str) -> StepRetries | None:
    value = section.raw(key)
    if isinstance(value, int) and not isinstance(value, bool):
        count = read_value(section, key, int, Key(most=MAX_RETRIES))
        return None if count is None else StepRetries(max=count)
    retries: StepRetries | None = read_value(section, key, StepRetries)
    return retries


class ApprovalStep(Part):
    """A request to a user."""

    noun = "'approval'"

    message: Annotated[LooseText, Key(most=4_000, advice="Write what the reviewer decides.")]
    """Text for the reviewer."""
    show: Any = None
    """Data that the reviewer sees below the text, such as the result of a step."""
    form: Annotated[Schema | None, SCHEMA_RULE] = None
    """Schema of values that the reviewer enters."""
    reviewers: tuple[Annotated[str, Key(most=200)], ...] = ()
    """E-mail addresses or roles of the users who may decide; by default every user who may decide approvals."""
    expires_after_s: Annotated[
        float | None, Key(name="expires_after", read=_duration, schema=_DURATION_SCHEMA)
    ] = None
    """Time after which the approval counts as rejected; by default the one of the instance."""


class EventMatch(Part):
    """An event that a step waits for."""

    noun = "'event'"

    type: Annotated[str, Key(most=200)]
    """Type of the event."""
    match: _Condition = None
    """Condition on `event.data`, `event.id` and `event.type`; by default the first event of the type counts. An event
    for which it has no value does not count."""


class WaitStep(Part):
    """A pause, which occupies no worker."""

    noun = "'wait'"

    duration: Annotated[
        float | str | None,
        Key(read=_duration_or_expression, schema={"anyOf": [*_DURATION_SCHEMA["anyOf"], _EXPRESSION]}),
    ] = None
    """Time to wait: seconds, or text such as `2h`."""
    until: Annotated[str | None, Key(most=4_000)] = None
    """Time at which to continue, such as `2026-01-31T09:00:00Z`."""
    event: EventMatch | None = None
    """Event to wait for."""


class EmitStep(Part):
    """An event that the flow sends to its project."""

    noun = "'emit'"

    type: Annotated[str, Key(most=200)]
    """Type of the event."""
    data: dict[str, Any] = Field(default_factory=dict)
    """Content of the event."""
    id: Annotated[str | None, Key(most=4_000)] = None
    """ID by which repeated events are ignored; by default one for this step of this job. At most 200 characters."""


class Compensation(Part):
    """What undoes a step after a later step has failed."""

    noun = "'compensate'"

    skill: Annotated[str, Key(most=400)]
    """Skill that undoes the step."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Its inputs. `steps` contains the result of the step; with `for_each`, the list of the results of the elements
    that have succeeded."""


def _steps(section: Section, key: str) -> tuple[Step, ...]:
    if section.raw(key) == []:
        section.error(key, f"{key!r} is empty. Add a step, or remove it.")
    return read_parts(Step, section, key)


def _steps_of_flow(section: Section, key: str) -> tuple[Step, ...]:
    value = section.raw(key)
    if value in (None, "") or (value == [] and section.raw("output") is None):
        section.error(key, f"{key!r} is required. Add a list of steps.")
        return ()
    return read_parts(Step, section, key)


_Steps = Annotated[tuple["Step", ...], Key(read=_steps, schema=_STEPS)]


class Case(Part):
    """The steps that run if a condition is true."""

    noun = "A case"
    plural = "cases with 'when' and 'steps'"

    when: Annotated[
        bool | str,
        Key(read=_condition, schema={"anyOf": [{"type": "boolean"}, _EXPRESSION]}, advice="Add a condition."),
    ]
    """Condition of the case. The first case whose condition is true runs."""
    steps: _Steps
    """Steps of the case."""


class Branch(Part):
    """Steps that run alongside those of other branches."""

    noun = "A branch"
    plural = "branches with 'steps'"

    steps: _Steps
    """Steps of the branch, one after the other."""


_COMMON: Final = ("id", "title", "if")
_REPEATABLE: Final = ("retries", "timeout", "compensate")
_LOOP: Final = ("for_each", "concurrency", "on_error")

StepKind = Literal["skill", "prompt", "python", "switch", "parallel", "approval", "wait", "emit"]
KINDS: Final[tuple[StepKind, ...]] = (
    *("skill", "prompt", "python", "switch", "parallel"),
    *("approval", "wait", "emit"),
)
CALLS: Final = frozenset({"skill", "prompt", "python"})
"""Kinds of steps that run a job."""
_KEYS: Final[dict[StepKind, tuple[str, ...]]] = {
    "skill": ("version", "inputs", *_LOOP, *_REPEATABLE),
    "prompt": ("model", "limits", "output_schema", "inputs", *_LOOP, *_REPEATABLE),
    "python": ("inputs", "output_schema", *_LOOP, *_REPEATABLE),
    "switch": ("default",),
    "parallel": (),
    "approval": ("on_error",),
    "wait": ("timeout", "on_error"),
    "emit": (),
}
_REQUIRED: Final[dict[StepKind, tuple[str, ...]]] = {"prompt": ("output_schema",)}


class Step(Part):
    """One step of a flow."""

    plural = "steps"

    id: Annotated[
        str,
        Key(
            most=64,
            check=_identifier,
            schema={"type": "string", "pattern": _ID_PATTERN, "maxLength": 64},
            advice="Add a short name, by which later steps read the result.",
        ),
    ]
    """Unique name. Later steps read the result as `steps.<id>`."""
    title: Title | None = None
    """Label of the step."""
    condition: Annotated[
        bool | str | None,
        Key(name="if", read=_condition, schema={"anyOf": [{"type": "boolean"}, _EXPRESSION]}),
    ] = None
    """Condition without which the step is skipped. A skipped step has no result."""
    for_each: Annotated[
        list[Any] | str | None,
        Key(read=_list_or_expression, schema={"anyOf": [{"type": "array"}, _EXPRESSION]}),
    ] = None
    """List for whose elements the step runs: `item` is the element, `index` its position from 0. The result is the list
    of results, in the order of the elements."""
    concurrency: Annotated[int, Key(least=1, most=MAX_CONCURRENCY)] = 10
    """Maximum number of elements that run at the same time."""
    on_error: Literal["fail", "continue"] = "fail"
    """What a failure of one element, a rejected approval, or an event that was not received in time, means. With
    `continue`, each element has `status`, `result` and `error`; an approval has `approved`, and a wait for an event
    `timed_out`."""
    retries: Annotated[
        StepRetries | None,
        Key(read=_retries, shorthand={"type": "integer", "minimum": 0, "maximum": MAX_RETRIES}),
    ] = None
    """Repetitions after a failure."""
    timeout_s: Annotated[float | None, Key(name="timeout", read=_duration, schema=_DURATION_SCHEMA)] = None
    """Maximum time of each job of the step, with its time in the queue, or of a wait for an event. The job is then
    cancelled, and the step fails with `step_timeout`; a repetition has a new time."""
    compensate: Compensation | None = None
    """What undoes the step after a later one has failed. Steps are undone one after the other, the last one first."""

    skill: Annotated[str | None, Key(most=400)] = None
    """Skill that the step runs: of this bundle, or an active one of the project."""
    version: Annotated[int | None, Key(least=1, most=2**31 - 1)] = None
    """Version of the skill, instead of the one of this bundle or the active one."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Inputs of the skill, the function or the agent."""
    prompt: str | None = None
    """Task of an agent without a skill."""
    model: Annotated[str | None, Key(catalog="models")] = None
    """Language model of the agent."""
    limits: Limits | None = None
    """Limits of the agent."""
    output_schema: Annotated[Schema | None, SCHEMA_RULE] = None
    """Schema of the result."""
    python: Annotated[str | None, FUNCTION_RULE] = None
    """Function of the bundle that the step calls: `tools.py:clean`."""
    switch: tuple[Case, ...] = ()
    """Cases, of which the first runs whose condition is true."""
    default: Annotated[tuple[Step, ...], Key(read=_steps, schema=_STEPS)] = ()
    """Steps that run if no case does."""
    parallel: tuple[Branch, ...] = ()
    """Branches that run at the same time."""
    approval: ApprovalStep | None = None
    """Request to a user. The flow continues after the decision."""
    wait: WaitStep | None = None
    """Pause until a time or an event."""
    emit: EmitStep | None = None
    """Event that the flow sends."""

    variants: ClassVar[tuple[Variant, ...]] = tuple(
        Variant(
            f"A step with {kind!r}", (kind, *_COMMON, *_KEYS[kind]), ("id", kind, *_REQUIRED.get(kind, ()))
        )
        for kind in KINDS
    )

    @classmethod
    def variant_of(cls, value: Mapping[str, Any]) -> Variant | None:
        """Return the form of the first kind that the step names; `None` if it names none."""
        return next((one for one in cls.variants if one.keys[0] in value), None)

    @property
    def kind(self) -> StepKind | None:
        """Return what the step does; `None` if it does nothing, which is reported."""
        return next((kind for kind in KINDS if getattr(self, kind)), None)

    @property
    def blocks(self) -> Iterator[tuple[tuple[str | int, ...], tuple[Step, ...]]]:
        """Yield the lists of steps inside this one, each with its path."""
        for index, case in enumerate(self.switch):
            yield ("switch", index, "steps"), case.steps
        if self.default:
            yield ("default",), self.default
        for index, branch in enumerate(self.parallel):
            yield ("parallel", index, "steps"), branch.steps


Case.model_rebuild()
Branch.model_rebuild()
Step.model_rebuild()


class Flow(Part):
    """A flow.yaml."""

    noun = "A flow"

    steps: Annotated[tuple[Step, ...], Key(read=_steps_of_flow, schema=_STEPS_OF_FLOW)] = ()
    """Steps, one after the other. The list is required; with an `output` it may be empty."""
    output: Any = None
    """Result of the flow, with expressions; by default the result of the last step."""
    canvas: Annotated[dict[str, list[int]] | None, Key(name=CANVAS, read=_canvas, schema=_CANVAS_SCHEMA)] = (
        Field(default=None, exclude=True)
    )
    """Where the canvas of the editor shows steps: by ID, the pixels to the right of and below their automatic place.
    Jobs do not use it."""

    def walk(self) -> Iterator[Step]:
        """Yield all steps in their order, outer ones before inner ones."""
        waiting = list(reversed(self.steps))
        while waiting:
            step = waiting.pop()
            yield step
            inner = [one for _, block in step.blocks for one in block]
            waiting.extend(reversed(inner))
