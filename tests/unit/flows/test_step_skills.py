"""The skills of the steps `prompt` and `python` are those of their flow, apart from what the step declares."""

from __future__ import annotations

import pytest

from backend.money.pricing import PriceList
from backend.skills.flows import step_skills
from backend.skills.job_limits import JobLimits
from backend.skills.manifest.types import Manifest, Skill
from tests.unit.flows.bundles import INPUTS, read, steps

FLOW = steps(
    "{id: clean, python: 'tools.py:clean', inputs: {text: '${{ inputs.texts[0] }}'}}",
    "{id: judge, title: Judge it, prompt: 'Judge ${{ inputs.note }}.', model: claude/haiku-4-5, limits: {steps: 3}, "
    "inputs: {texts: '${{ inputs.texts }}', attachments: '${{ inputs.texts }}', more: '${{ steps.clean }}'}, "
    "output_schema: {type: object, properties: {ok: {type: boolean}}}}",
    "{id: tally, skill: tally, inputs: {words: x}}",
)
KEYS = {
    "skills/post/skill.yaml": b"entrypoint: flow.yaml\nnetwork: none\nlane: slow\ntimeout_s: 60\nretries: {max: 9}\n"
    b"limits: {cost_usd: 2, tokens: 5000}\ninput_schema: {type: object, properties: {texts: {type: array, "
    b"items: {type: string}}, note: {type: string}}, required: [texts, note]}\noutput_schema: {type: object}\n"
}


WITH_REFERENCES = b"""\
entrypoint: flow.yaml
output_schema: {type: object}
input_schema:
  type: object
  $defs: {row: {type: object, properties: {n: {type: integer}}}}
  properties: {row: {$ref: '#/$defs/row'}, same: {$ref: '#/properties/row'}}
  required: [row, same]
"""


def manifest() -> Manifest:
    """Return the manifest of the flow."""
    return read(FLOW, more=KEYS).manifest


def found(name: str) -> Skill:
    """Return the skill of a step."""
    skill = step_skills.find(name, manifest())
    assert skill is not None
    return skill


def test_function_of_a_step_is_a_skill_of_the_folder_of_its_flow() -> None:
    skill = found("post:clean")
    assert (skill.name, skill.type, skill.path, skill.file, skill.function) == (
        *("post:clean", "deterministic", "skills/post"),
        *("tools.py", "clean"),
    )
    assert (skill.network, skill.lane, skill.timeout_s, skill.retries.max) == ("none", "slow", 60, 3)
    assert skill.inputs.declared == {"text"}
    assert skill.limits.cost_usd is None
    assert PriceList().cap_micros(skill, JobLimits()) == 0


def test_prompt_of_a_step_is_an_agent_with_the_limits_of_both() -> None:
    skill = found("post:judge")
    assert (skill.type, skill.title, skill.model, skill.entrypoint) == (
        *("agentic", "Judge it", "claude/haiku-4-5"),
        step_skills.PROMPT,
    )
    assert (skill.limits.steps, skill.limits.tokens, skill.limits.cost_usd) == (3, 5000, 2)
    assert skill.input_schema["properties"] == {
        "texts": INPUTS["properties"]["texts"],
        "attachments": {"type": "array", "items": {"type": "file"}},
        "more": {},
    }
    assert skill.output.check({"ok": True, "other": 1}).value == {"ok": True}
    assert PriceList().cap_micros(skill, JobLimits()) == 2_000_000


@pytest.mark.parametrize(
    "name", ["post:tally", "post:gone", "tally:clean", "gone:clean", "post", "post:@prompt", ":clean"]
)
def test_other_names_are_no_steps(name: str) -> None:
    assert step_skills.find(name, manifest()) is None


def test_no_list_names_the_skills_of_steps() -> None:
    whole = manifest()
    assert (
        [skill.name for skill in whole.skills]
        == [skill.name for skill in whole.submittable]
        == ["post", "tally"]
    )
    assert whole.find("post:clean") is None


def test_the_skill_of_a_step_is_derived_once() -> None:
    whole = manifest()
    assert step_skills.find("post:clean", whole) is step_skills.find("post:clean", whole)


def test_input_with_a_reference_keeps_its_definitions() -> None:
    more = {"skills/post/skill.yaml": WITH_REFERENCES}
    flow = steps(
        "{id: a, prompt: x, inputs: {row: '${{ inputs.row }}', same: '${{inputs.same}}'}, output_schema: {}}"
    )
    skill = step_skills.find("post:a", read(flow, more=more).manifest)
    assert skill is not None
    assert skill.input_schema["properties"] == {"row": {"$ref": "#/$defs/row"}, "same": {}}
    assert [problem.path for problem in skill.inputs.check({"row": {"n": "x"}}).problems] == ["inputs.row.n"]
