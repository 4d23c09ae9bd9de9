"""Check a flow at deployment: its expressions, references, inputs and output, with the position of each problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from backend.core.names import suggestion
from backend.skills.flows import reviewers
from backend.skills.flows.cel.check import Scope
from backend.skills.flows.cel.parser import RESERVED
from backend.skills.flows.cel.types import (
    BOOL,
    DYN,
    INT,
    LIST,
    STRING,
    Type,
    list_of,
    object_of,
    type_of_schema,
)
from backend.skills.flows.fitting import mismatches
from backend.skills.flows.references import read_names, texts_in
from backend.skills.flows.types import CALLS, KINDS, EventMatch, Flow, Step
from backend.skills.flows.value_checks import ValueChecks, has_expression
from backend.skills.manifest.skill_reader import Reading
from backend.skills.manifest.types import Skill
from backend.skills.schemas.messages import Path, spelled
from backend.skills.schemas.schema_dialect import Schema
from backend.skills.schemas.value_schemas import InputSchema

MAX_STEPS: Final = 200
MAX_DEPTH: Final = 6
"""Maximum nesting of steps in cases and branches."""

_JOB: Final = object_of({"id": STRING, "skill": STRING})
_APPROVAL: Final = {"approved": BOOL, "decided_by": STRING, "reason": STRING}
_VARIABLES: Final = ("inputs", "steps", "job", "item", "index", "event")


@dataclass(frozen=True, slots=True)
class _Visible:
    """What the steps before a position have made available."""

    results: Mapping[str, Type] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    """Results that may be missing, since their steps may have been skipped."""

    def with_result(self, step: Step, kind: Type) -> _Visible:
        optional = self.optional | ({step.id} if step.condition not in (None, True) else frozenset())
        return _Visible({**self.results, step.id: kind}, optional)

    def with_all(self, inner: _Visible, *, may_be_missing: bool) -> _Visible:
        added = frozenset(inner.results.keys() - self.results.keys())
        optional = inner.optional | (added if may_be_missing else frozenset())
        return _Visible({**self.results, **inner.results}, self.optional | optional)


def check_flow(flow: Flow, reading: Reading, skill: Skill, skills: Mapping[str, Skill]) -> None:
    """Report the problems of a flow.

    Args:
        flow: The flow, as far as it could be read.
        reading: The reading of its file, which gets the problems.
        skill: The skill that the flow is the entrypoint of.
        skills: The other skills of the bundle by name.
    """
    _Checking(flow, reading, skill, skills).run()


class _Checking(ValueChecks):
    """One check."""

    def __init__(self, flow: Flow, reading: Reading, skill: Skill, skills: Mapping[str, Skill]) -> None:
        self._flow = flow
        super().__init__(reading)
        self._skill = skill
        self._skills = skills
        self._inputs = type_of_schema({"type": "object", **skill.input_schema})
        self._ids: dict[str, Path] = {}

    def run(self) -> None:
        self._collect(self._flow.steps, ("steps",), 1)
        if len(self._ids) > MAX_STEPS:
            self.error(
                ("steps",), f"The flow has more than {MAX_STEPS} steps. Move some of them to another flow."
            )
            return
        visible = self._block(self._flow.steps, ("steps",), _Visible())
        self._output(visible)

    def _collect(self, steps: tuple[Step, ...], path: Path, depth: int) -> None:
        """Collect the IDs of all steps, and report duplicates."""
        if depth > MAX_DEPTH:
            self.error(
                path, f"Steps are nested deeper than {MAX_DEPTH} levels. Move some of them to another flow."
            )
            return
        for index, step in enumerate(steps):
            at = (*path, index)
            if not step.id:
                continue
            if step.id in self._ids:
                self.error((*at, "id"), f"Two steps have the ID {step.id!r}. Rename one of them.")
            elif step.id in RESERVED or step.id in _VARIABLES:
                self.error((*at, "id"), f"{step.id!r} is a reserved word. Choose another ID.")
            self._ids.setdefault(step.id, at)
            for inner, block in step.blocks:
                self._collect(block, (*at, *inner), depth + 1)

    def _block(self, steps: tuple[Step, ...], path: Path, visible: _Visible) -> _Visible:
        """Check steps that run one after the other, and return what is visible after them."""
        for index, step in enumerate(steps):
            at = (*path, index)
            if step.kind is None:
                known = ", ".join(KINDS)
                keys = self.keys_at(at)
                hint = next((found for key in keys if (found := suggestion(key, KINDS))), "")
                self.error(at, f"The step does nothing. Add one of {known}.{hint}")
                continue
            if step.id:
                visible = self._step(step, at, visible)
        return visible

    def _scope(self, visible: _Visible, at: Path, more: Mapping[str, Type] | None = None) -> Scope:
        steps = Type("object", None, visible.results, visible.optional)
        unavailable = {
            ("steps", name): self._why_unavailable(name, place, at)
            for name, place in self._ids.items()
            if name not in visible.results
        }
        return Scope({"inputs": self._inputs, "steps": steps, "job": _JOB, **(more or {})}, unavailable)

    def _why_unavailable(self, name: str, place: Path, at: Path) -> str:
        if place == at[: len(place)]:
            return f"steps.{name} has no result before it has ended. Read the result in a later step."
        for depth, part in enumerate(place):
            if depth >= len(at) or at[depth] == part:
                continue
            if place[depth - 1] == "parallel":
                return f"steps.{name} runs in another branch. Only steps after both can read its result."
            if place[depth - 1] == "switch" or {part, at[depth]} == {"switch", "default"}:
                return f"steps.{name} runs in another case. Only steps after both can read its result."
            break
        return f"steps.{name} is a later step. Move it before this one, or read another step."

    def _step(self, step: Step, at: Path, visible: _Visible) -> _Visible:
        scope = self._scope(visible, at)
        if step.condition is False:
            self.warn((*at, "if"), f"The step {step.id!r} never runs. Remove it, or its condition.")
        self.condition(step.condition, (*at, "if"), scope)
        if step.kind in CALLS:
            return visible.with_result(step, self._call(step, at, scope))
        if step.kind == "approval":
            return visible.with_result(step, self._approval(step, at, scope))
        if step.kind == "wait":
            return visible.with_result(step, self._wait(step, at, scope))
        if step.kind == "emit" and step.emit is not None:
            for key, value in (("type", step.emit.type), ("data", step.emit.data), ("id", step.emit.id)):
                self.value(value, (*at, "emit", key), scope)
            return visible.with_result(step, object_of({"id": STRING}))
        return self._blocks(step, at, visible, scope)

    def _blocks(self, step: Step, at: Path, visible: _Visible, scope: Scope) -> _Visible:
        """Check the cases or branches of a step."""
        is_decided = False
        for index, case in enumerate(step.switch):
            if is_decided:
                self.error(
                    (*at, "switch", index), "This case is never reached: a case before it is always true."
                )
            self.condition(case.when, (*at, "switch", index, "when"), scope)
            is_decided = is_decided or self._is_always(case.when)
            if case.when is False:
                self.warn((*at, "switch", index, "when"), "This case never runs. Remove it.")
        if is_decided and step.default:
            self.error((*at, "default"), "'default' is never reached: a case before it is always true.")
        after = visible
        for path, block in step.blocks:
            inner = self._block(block, (*at, *path), visible)
            may_be_missing = step.kind == "switch" or step.condition not in (None, True)
            after = after.with_all(inner, may_be_missing=may_be_missing)
        result = object_of({"case": INT}) if step.kind == "switch" else object_of({})
        return after.with_result(step, result)

    def _is_always(self, when: bool | str | None) -> bool:
        if when is True:
            return True
        return isinstance(when, str) and when.replace(" ", "") == "${{true}}"

    def _call(self, step: Step, at: Path, scope: Scope) -> Type:
        each: Type | None = None
        if step.for_each is not None:
            each = self._elements(step.for_each, (*at, "for_each"), scope)
            scope = replace(scope, variables={**scope.variables, "item": each, "index": INT})
        else:
            for key in ("concurrency", "on_error"):
                if key in self.keys_at(at):
                    self.error((*at, key), f"{key!r} needs 'for_each'. Add it, or remove {key!r}.")
        result = self._target(step, at, scope)
        if step.compensate is not None:
            steps = scope.variables["steps"]
            own = list_of(result) if each is not None else result
            with_own = replace(steps, fields={**steps.fields, step.id: own})
            hidden = {key: why for key, why in scope.unavailable.items() if key != ("steps", step.id)}
            variables = {
                name: kind for name, kind in scope.variables.items() if name not in ("item", "index")
            }
            undo = Scope({**variables, "steps": with_own}, hidden)
            path = (*at, "compensate")
            self._skill_call(step.compensate.skill, None, step.compensate.inputs, path, undo)
        if each is None:
            return result
        if step.on_error == "continue":
            result = object_of(
                {"status": STRING, "result": DYN, "error": DYN} | {"result": _nullable(result)}
            )
        return list_of(result)

    def _elements(self, value: list[Any] | str, path: Path, scope: Scope) -> Type:
        """Return the type of the elements of a list."""
        kind = (
            self.text(value, path, scope, must_be_lone=True)
            if isinstance(value, str)
            else self.value(value, path, scope)
        )
        if kind.kind not in ("list", "dyn"):
            hint = " An object has no order." if kind.kind == "object" else ""
            self.error(path, f"'for_each' needs a list, not {kind}.{hint}")
            return DYN
        return kind.item or DYN

    def _target(self, step: Step, at: Path, scope: Scope) -> Type:
        """Check what a step calls, and return the type of its result."""
        if step.kind == "skill":
            return self._skill_call(step.skill or "", step.version, step.inputs, at, scope)
        self.value(step.inputs, (*at, "inputs"), scope)
        if step.kind == "prompt":
            self.value(step.prompt, (*at, "prompt"), scope)
        if step.kind == "python":
            self._call_of_function(step, at)
        return DYN if step.output_schema is None else type_of_schema(step.output_schema, is_output=True)

    def _call_of_function(self, step: Step, at: Path) -> None:
        """Report inputs that the function of a step does not have, and those that it requires."""
        parameters = self._reading.parameters(step.python or "")
        if parameters is None or (parameters.takes_one_dict and "inputs" not in step.inputs):
            return
        path = (*at, "inputs") if "inputs" in self.keys_at(at) else at
        function = (step.python or "").rpartition(":")[2]
        for name in parameters.positional_only:
            self.error(
                (*at, "python"),
                f"Inputs are passed by name, but {name!r} of {function!r} is positional-only. Remove the '/'.",
            )
        for name in parameters.needed:
            if name not in step.inputs:
                self.error(path, f"The function {function!r} requires {name!r}. Add it to 'inputs'.")
        if not parameters.takes_any:
            for name in step.inputs:
                if name not in parameters.names:
                    hint = suggestion(name, sorted(parameters.names)) or " Remove it, or add the parameter."
                    self.error((*path, name), f"The function {function!r} has no parameter {name!r}.{hint}")

    def _skill_call(
        self, name: str, version: int | None, inputs: dict[str, Any], at: Path, scope: Scope
    ) -> Type:
        given = self.value(inputs, (*at, "inputs"), scope)
        called = self._find(name, (*at, "skill")) if version is None else None
        if called is None:
            return DYN
        path = (*at, "inputs") if "inputs" in self.keys_at(at) else at
        expected = type_of_schema({"type": "object", **called.input_schema}, is_wanted=True)
        if called.is_agentic and expected.item is None:
            expected = replace(
                expected,
                fields={"attachments": LIST, **expected.fields},
                optional=expected.optional | {"attachments"},
            )
        self._fit(given, expected, path, f"The skill {called.name!r}")
        self._constants(inputs, called, path)
        return type_of_schema(called.output_schema, is_output=True)

    def _find(self, name: str, path: Path) -> Skill | None:
        """Return the called skill if it is in the bundle."""
        own = self._skill.parent_skill or self._skill.name
        found = self._skills.get(f"{own}/{name}") or self._skills.get(name)
        if found is not None and found.parent_skill not in (None, own):
            found = None
        if found is not None and found.name == self._skill.name:
            self.error(path, "The flow calls itself, which would never end. Call another skill.")
            return None
        if found is None and "/" not in name and name:
            hint = suggestion(name, [one for one in self._skills if one != self._skill.name])
            if hint:
                self.error(
                    path,
                    f"The bundle has no skill {name!r}.{hint} Write 'skillpack/{name}' for another pack.",
                )
            else:
                self.warn(
                    path,
                    f"The bundle has no skill {name!r}. When the flow runs, the project must have an active one.",
                )
        return found

    def _constants(self, inputs: dict[str, Any], called: Skill, path: Path) -> None:
        """Validate the inputs that contain no expression."""
        constant = {name: value for name, value in inputs.items() if not has_expression(value)}
        if not constant:
            return
        schema = {**called.input_schema, "required": []}
        for problem in InputSchema(schema, takes_attachments=called.is_agentic).check(constant).problems:
            name = problem.path.removeprefix("inputs").lstrip(".").partition(".")[0].partition("[")[0]
            if name in constant and name in called.inputs.declared:
                message = (
                    f"This is not valid for the skill {called.name!r}: {problem.path}: {problem.message}"
                )
                self.error((*path, name) if path[-1] == "inputs" else path, message)

    def _approval(self, step: Step, at: Path, scope: Scope) -> Type:
        approval = step.approval
        if approval is None:
            return DYN
        self.value(approval.message, (*at, "approval", "message"), scope)
        self.value(approval.show, (*at, "approval", "show"), scope)
        self._reviewers(approval.reviewers, (*at, "approval", "reviewers"), scope)
        fields: dict[str, Type] = dict(_APPROVAL)
        if approval.form is not None:
            form: Schema = {"type": "object", **approval.form}
            if form["type"] != "object":
                self.error(
                    (*at, "approval", "form"), "A form is an object. Write 'type: object' with 'properties'."
                )
            fields["form"] = type_of_schema(form)
        optional = frozenset({"form"}) if step.on_error == "continue" else frozenset()
        return Type("object", None, fields, optional & fields.keys())

    def _reviewers(self, given: tuple[str, ...], path: Path, scope: Scope) -> None:
        for index, one in enumerate(given):
            if not has_expression(one):
                problem = reviewers.problem_of(one)
                if problem is not None:
                    self.error((*path, index), problem)
                continue
            kind = self.value(one, (*path, index), scope)
            if kind.kind == "list":
                kind = kind.item or DYN
            if kind.kind not in ("string", "dyn"):
                self.error((*path, index), f"A reviewer is an e-mail address or a role, not {kind}.")

    def _wait(self, step: Step, at: Path, scope: Scope) -> Type:
        wait = step.wait
        if wait is None:
            return DYN
        path = (*at, "wait")
        chosen = [key for key in ("duration", "until", "event") if getattr(wait, key) is not None]
        if len(chosen) != 1:
            self.error(path, "'wait' needs exactly one of 'duration', 'until' and 'event'.")
        if isinstance(wait.duration, str):
            self.duration(wait.duration, (*path, "duration"), scope)
        if wait.until is not None:
            self.until(wait.until, (*path, "until"), scope)
        if wait.event is not None:
            return self._event(step, wait.event, at, scope)
        for key in {"timeout", "on_error"}.intersection(self.keys_at(at)):
            self.error((*at, key), f"{key!r} needs 'event': other waits end at their time. Remove it.")
        return object_of({})

    def _event(self, step: Step, wanted: EventMatch, at: Path, scope: Scope) -> Type:
        """Check a wait for an event."""
        path = (*at, "wait", "event")
        event = object_of({"id": STRING, "type": STRING, "data": DYN})
        if step.on_error == "continue" and step.timeout_s is None:
            self.error((*at, "on_error"), "'on_error' needs 'timeout': without it the wait has no end.")
        self.value(wanted.type, (*path, "type"), scope)
        inner = replace(scope, variables={**scope.variables, "event": event})
        self.condition(wanted.match, (*path, "match"), inner)
        if step.on_error == "fail":
            return event
        return object_of({**event.fields, "timed_out": BOOL}, frozenset(event.fields))

    def _output(self, visible: _Visible) -> None:
        has_output = (
            isinstance(self._reading.document.value, dict) and "output" in self._reading.document.value
        )
        if has_output:
            given = self.value(self._flow.output, ("output",), self._scope(visible, ("output",)))
            self._warn_of_returned_inputs()
        else:
            last = self._flow.steps[-1].id if self._flow.steps else None
            given = visible.results.get(last, DYN) if last else DYN
        expected = type_of_schema({"type": "object", **self._skill.output_schema}, is_output=True)
        path: Path = ("output",) if has_output else ("steps",)
        whose = "output_schema in skill.yaml"
        if not has_output:
            whose += ", since the flow has no 'output' and returns the result of its last step"
        self._fit(given, expected, path, whose)

    def _warn_of_returned_inputs(self) -> None:
        """Warn if steps have results, but the flow returns only its inputs."""
        called = [step.id for step in self._flow.walk() if step.kind in CALLS and step.id]
        read = [(path, read_names(text)) for path, text in texts_in(self._flow.output, ("output",))]
        of_inputs = [path for path, names in read if names == {""}]
        if called and of_inputs and not any(names - {""} for _, names in read):
            self.warn(
                of_inputs[0],
                "The flow returns its inputs, and none of the results of its steps. Choose the output of a step, such "
                f"as `${{{{ steps.{called[-1]} }}}}`.",
            )

    def _fit(self, given: Type, expected: Type, path: Path, whose: str) -> None:
        for mismatch in mismatches(given, expected):
            inner = spelled(mismatch.path, "")
            where = f" ({inner})" if inner else ""
            self.error((*path, *mismatch.path), f"{whose}{where}: {mismatch.message}")


def _nullable(kind: Type) -> Type:
    return kind if kind.kind in ("dyn", "null") else replace(kind, is_nullable=True)
