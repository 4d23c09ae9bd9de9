"""flow.yaml: each problem names its line and the fix."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from backend.skills.flows.types import Flow
from tests.unit.flows.bundles import EXAMPLE, problems, read, steps, warnings

NUMBERS = {"type": "object", "properties": {"n": {"type": "integer"}, "first": {"type": "integer"}}}
SUM = "{id: sum, skill: tally, inputs: {words: a}}"


def test_example_is_valid() -> None:
    found = read(EXAMPLE, output=NUMBERS)
    skill = found.manifest.find("post")
    assert found.warnings == ()
    assert skill is not None
    assert skill.type == "flow"
    flow = Flow.model_validate(skill.flow)
    assert [step.kind for step in flow.steps] == ["skill", "approval"]
    assert flow.steps[0].concurrency == 4
    assert flow.model_dump(mode="json") == skill.flow


def test_flow_without_steps_returns_its_output() -> None:
    found = read("steps: []\noutput: {n: 1, first: 2}\n", output=NUMBERS)
    assert found.warnings == ()


def test_places_on_the_canvas_are_not_part_of_the_flow() -> None:
    found = read(EXAMPLE + "x-canvas: {each: [320, -40], gone: [0, 0]}\n", output=NUMBERS)
    assert found.warnings == ()
    skill = found.manifest.find("post")
    assert skill is not None
    assert skill.flow == read(EXAMPLE, output=NUMBERS).manifest.find("post").flow  # type: ignore[union-attr]


def test_all_kinds_of_steps_are_read() -> None:
    text = """\
steps:
  - id: clean
    python: "tools.py:clean"
    inputs: {text: a}
    output_schema: {type: object, properties: {text: {type: string}}}
  - id: judge
    if: ${{ inputs.count > 1 }}
    prompt: Judge ${{ steps.clean.text }}.
    output_schema: {type: object, properties: {ok: {type: boolean}}}
    limits: {cost_usd: 0.1}
    retries: {max: 2, backoff: 3}
    timeout: 5m
  - id: choice
    switch:
      - when: ${{ has(steps.judge) && steps.judge.ok }}
        steps:
          - {id: a, skill: tally, inputs: {words: x}, retries: 2, compensate: {skill: tally, inputs: {words: undo}}}
    default: [{id: b, emit: {type: skipped, data: {n: 1}}}]
  - id: both
    parallel:
      - steps: [{id: c, wait: {duration: 2h}}]
      - steps: [{id: d, wait: {event: {type: paid, match: "${{ event.data.id == job.id }}"}, }, timeout: 1d}]
  - id: sign
    approval:
      message: Go?
      form: {type: object, properties: {why: {type: string}}}
      reviewers: [a@example.org]
      expires_after: 3d
    on_error: continue
output: {why: "${{ steps.sign.approved ? steps.sign.form.why : '' }}", event: "${{ steps.d.data }}"}
"""
    skill = read(text).manifest.find("post")
    assert skill is not None
    flow = Flow.model_validate(skill.flow)
    assert [step.id for step in flow.walk()] == [
        "clean",
        "judge",
        "choice",
        "a",
        "b",
        "both",
        "c",
        "d",
        "sign",
    ]
    judge, sign = flow.steps[1], flow.steps[-1]
    assert (judge.timeout_s, judge.retries and judge.retries.max) == (300.0, 2)
    assert sign.approval is not None
    assert sign.approval.expires_after_s == 3 * 86_400


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (".total", ".totl", "9: steps.each[0].totl: there is no field 'totl'. Did you mean 'total'?"),
        ("words:", "word:", "6: The skill 'tally': 'words' is required. Add it."),
        ("words:", "word:", "6: The skill 'tally' (word): 'word' is not declared. Did you mean 'words'?"),
        (
            '"${{ item }}"',
            '"${{ index }}"',
            "6: The skill 'tally' (words): This is an integer, and text is expected.",
        ),
        ('"${{ item }}"', "far too long", "6: This is not valid for the skill 'tally': inputs.words:"),
        ("skill: tally", "skill: taly", "5: The bundle has no skill 'taly'. Did you mean 'tally'?"),
        ("skill: tally", "skill: post", "5: The flow calls itself"),
        ("skill: tally", "skil: tally", "2: The step does nothing."),
        (
            "for_each: ${{ inputs.texts }}",
            "for_each: ${{ inputs.count }}",
            "3: 'for_each' needs a list, not integer.",
        ),
        (
            "for_each: ${{ inputs.texts }}",
            "for_each: inputs.texts",
            "3: 'for_each' must be a list, or an expression",
        ),
        ("    for_each: ${{ inputs.texts }}\n", "", "3: 'concurrency' needs 'for_each'."),
        ("    for_each: ${{ inputs.texts }}\n", "", "item"),
        ("concurrency: 4", "concurrency: 0", "4: 'concurrency' must be an integer from 1 to 100, not 0."),
        ("approval:", "approvl:", "7: The step does nothing."),
        ("id: sign", "id: each", "7: Two steps have the ID 'each'."),
        ("id: sign", "id: 1st", "7: '1st' is not a valid ID."),
        ("id: sign", "id: in", "7: 'in' is a reserved word."),
        ("size(steps.each) }} r", "size(steps.sign) }} r", "steps.sign has no result before it has ended."),
        ("inputs.texts", "steps.sign", "steps.sign is a later step."),
        ("inputs.texts", "steps.sgn", "there is no field 'sgn'."),
        ("inputs.texts", "inputs.text", "inputs.text: there is no field 'text'. Did you mean 'texts'?"),
        (
            '{{ size(steps.each) }}",',
            '{{ string(1) }}",',
            "9: output_schema in skill.yaml (n): This is text, and an integer is expected. Convert it with int(…).",
        ),
        (', first: "${{ steps.each[0].total }}"', "", "9: output_schema in skill.yaml: 'first' is required."),
        ("output:", "outputs:", "A flow does not have a key 'outputs'. Did you mean 'output'?"),
        ("${{ item }}", "${{ item", "6: In `${{ item`: '${{' is not closed."),
        ("${{ item }}", "${{ }}", "contains no expression"),
        ("${{ item }}", "${{ item + }}", "The expression ends where a value is expected."),
    ],
)
def test_error_in_the_example(old: str, new: str, said: str) -> None:
    assert old in EXAMPLE
    found = problems(EXAMPLE.replace(old, new), output=NUMBERS)
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("flow", "said"),
    [
        ("[]", "1: The file must be a mapping with 'steps:', not a list of 0."),
        ("steps: []", "1: 'steps' is"),
        ("output: 1", "'steps' is required."),
        ("steps: []", "1: 'steps' is required."),
        (
            steps("{id: a, skill: tally, inputs: {words: x}}") + "x-canvas: {a: [1]}\n",
            "'x-canvas' must map IDs",
        ),
        (
            steps("{id: a, skill: tally, inputs: {words: x}}") + "x-canvas: {a: [1, 1.5]}\n",
            "such as 'load: [320, -40]'",
        ),
        ("steps: {a: 1}", "'steps' must be a list of steps"),
        (steps("{id: a}"), "2: The step does nothing. Add one of skill, prompt"),
        (steps("{skill: tally}"), "2: 'id' is required. Add a short name"),
        (steps("{id: a, skill: tally, prompt: x}"), "2: A step with 'skill' does not have a key 'prompt'."),
        (steps("{id: a, prompt: x}"), "2: 'output_schema' is required."),
        (steps("{id: a, python: 'tools.py:nothing'}"), "2: 'tools.py' has no function 'nothing'."),
        (
            steps("{id: a, python: 'tools.py:clean'}"),
            "2: The function 'clean' requires 'text'. Add it to 'inputs'.",
        ),
        (
            steps("{id: a, python: 'tools.py:clean', inputs: {text: x, txt: y}}"),
            "2: The function 'clean' has no parameter 'txt'. Did you mean 'text'?",
        ),
        (
            steps("{id: a, approval: {message: x, reviewers: [admins]}}"),
            "2: 'admins' is neither an e-mail address nor a role. Did you mean 'admin'?",
        ),
        (
            steps("{id: a, approval: {message: x, reviewers: [viewer]}}"),
            "2: A viewer cannot decide approvals.",
        ),
        (
            steps("{id: a, approval: {message: x, reviewers: ['${{ inputs.count }}']}}"),
            "2: A reviewer is an e-mail address or a role, not integer.",
        ),
        (steps("{id: a, approval: {}}"), "2: 'message' is required."),
        (steps("{id: a, approval: {message: x, form: {type: array}}}"), "2: A form is an object."),
        (
            steps("{id: a, approval: {message: x, expires_after: soon}}"),
            "'expires_after' must be a number of seconds",
        ),
        (steps("{id: a, wait: {}}"), "2: 'wait' needs exactly one of 'duration', 'until' and 'event'."),
        (steps("{id: a, wait: {duration: 1h, until: '2026-01-31T09:00:00Z'}}"), "exactly one of"),
        (steps("{id: a, wait: {until: tomorrow}}"), "'tomorrow' is not a time with a time zone."),
        (steps("{id: a, wait: {until: '2026-01-31T09:00:00'}}"), "is not a time with a time zone."),
        (steps("{id: a, wait: {duration: '${{ true }}'}}"), "A duration is a number of seconds"),
        (
            steps("{id: a, wait: {event: {type: x, match: '${{ event.dat }}'}}}"),
            "event.dat: there is no field 'dat'.",
        ),
        (steps("{id: a, wait: {duration: 1h}, timeout: 2h}"), "2: 'timeout' needs 'event': other waits end"),
        (steps("{id: a, wait: {event: {type: x}}, on_error: continue}"), "2: 'on_error' needs 'timeout'"),
        (
            steps(
                "{id: a, wait: {event: {type: x}}, timeout: 1h}",
                "{id: b, emit: {type: x, data: {a: '${{ steps.a.timed_out }}'}}}",
            ),
            "steps.a.timed_out: there is no field 'timed_out'.",
        ),
        (
            steps(
                "{id: a, for_each: [x], skill: tally, inputs: {words: x}, "
                "compensate: {skill: tally, inputs: {words: '${{ item }}'}}}"
            ),
            "There is no variable 'item'.",
        ),
        (steps("{id: a, emit: {type: '${{ nope }}'}}"), "There is no variable 'nope'."),
        (
            steps(SUM + "", "{id: b, if: '${{ steps.sum.total }}', skill: tally, inputs: {words: x}}"),
            "a condition is true or false, not integer.",
        ),
        (steps("{id: b, if: yes please, skill: tally, inputs: {words: x}}"), "'if' must be an expression"),
        (steps("{id: b, if: 'x ${{ true }}', skill: tally, inputs: {words: x}}"), "must be one expression"),
        (
            steps(
                "{id: s, switch: [{when: true, steps: ["
                + SUM
                + "]}, {when: '${{ inputs.count > 1 }}', steps: ["
                + SUM.replace("sum", "b")
                + "]}]}"
            ),
            "2: This case is never reached",
        ),
        (
            steps(
                "{id: s, switch: [{when: '${{ true }}', steps: ["
                + SUM
                + "]}], default: ["
                + SUM.replace("sum", "b")
                + "]}"
            ),
            "'default' is never reached",
        ),
        (steps("{id: s, switch: [{steps: [" + SUM + "]}]}"), "'when' is required."),
        (steps("{id: s, switch: [{when: true, steps: []}]}"), "'steps' is"),
        (
            steps(
                "{id: p, parallel: [{steps: ["
                + SUM
                + "]}, {steps: [{id: b, skill: tally, inputs: {words: '${{ string(steps.sum.total) }}'}}]}]}"
            ),
            "steps.sum runs in another branch.",
        ),
        (
            steps(
                "{id: p, switch: [{when: '${{ inputs.count > 1 }}', steps: ["
                + SUM
                + "]}], default: [{id: b, skill: tally, inputs: {words: '${{ string(steps.sum.total) }}'}}]}"
            ),
            "steps.sum runs in another case.",
        ),
        (
            steps("{id: a, skill: tally, inputs: {words: x}, retries: 99}"),
            "'retries' must be an integer from 0 to 20",
        ),
        (
            steps("{id: a, skill: tally, inputs: {words: x}, compensate: {skill: tally}}"),
            "'words' is required.",
        ),
        (
            steps("{id: a, skill: tally, inputs: {words: x}, timeout: 0}"),
            "'timeout' must be a number of seconds",
        ),
        (steps(*(f"{{id: s{n}, emit: {{type: x}}}}" for n in range(201))), "more than 200 steps"),
        ("steps: &a [{id: a, parallel: [{steps: *a}]}]", "Anchors"),
    ],
)
def test_error(flow: str, said: str) -> None:
    found = problems(flow)
    assert any(said in one for one in found), found


def test_deep_nesting_is_rejected() -> None:
    inner = SUM
    for level in range(7):
        inner = f"{{id: p{level}, parallel: [{{steps: [{inner}]}}]}}"
    assert "nested deeper than 6 levels" in problems(steps(inner))[0]


@pytest.mark.parametrize(
    ("flow", "said"),
    [
        (
            steps("{id: a, emit: {type: '${{ inputs.note }}'}}"),
            "inputs.note may be missing, and the flow fails then.",
        ),
        (steps("{id: a, if: false, emit: {type: x}}"), "The step 'a' never runs."),
        (steps("{id: a, skill: elsewhere}"), "The bundle has no skill 'elsewhere'. When the flow runs"),
        (
            steps(
                "{id: a, if: '${{ inputs.count > 1 }}', emit: {type: x}}",
                "{id: b, emit: {type: '${{ steps.a.id }}'}}",
            ),
            "steps.a may be missing",
        ),
        (
            steps(
                "{id: s, switch: [{when: '${{ inputs.count > 1 }}', steps: [{id: a, emit: {type: x}}]}]}",
                "{id: b, emit: {type: '${{ steps.a.id }}'}}",
            ),
            "steps.a may be missing",
        ),
    ],
)
def test_warning(flow: str, said: str) -> None:
    found = warnings(flow)
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("output", "is_reported"),
    [
        ("{n: '${{ inputs.texts }}', count: '${{ inputs.count }}'}", True),
        ("{n: '${{ inputs.texts }}', total: '${{ steps.sum.total }}'}", False),
        ("{n: 1}", False),
    ],
)
def test_flow_that_returns_only_its_inputs_is_reported(output: str, is_reported: bool) -> None:
    expected = [
        "The flow returns its inputs, and none of the results of its steps. Choose the output of a step, such as "
        "`${{ steps.sum }}`."
    ]
    assert warnings(steps(SUM) + f"output: {output}\n") == (expected if is_reported else [])
    assert (
        warnings(
            steps("{id: a, emit: {type: x}}")
            + f"output: {output.replace('steps.sum.total', 'inputs.count')}\n"
        )
        == []
    )


def test_results_of_branches_are_visible_after_them() -> None:
    flow = steps(
        "{id: p, parallel: [{steps: [" + SUM + "]}]}",
        "{id: b, skill: tally, inputs: {words: '${{ string(steps.sum.total) }}'}}",
    )
    assert warnings(flow) == []


def test_failures_of_elements_have_a_status() -> None:
    flow = EXAMPLE.replace("concurrency: 4", "on_error: continue").replace("[0].total", "[0].result.total")
    assert read(flow, output=NUMBERS).warnings == ()


def test_circle_of_flows_is_rejected() -> None:
    skill = b"entrypoint: flow.yaml\ninput_schema: {}\noutput_schema: {}\n"
    more = {
        "skills/other/skill.yaml": skill,
        "skills/other/flow.yaml": b"steps: [{id: a, skill: post, inputs: {texts: []}}]",
    }
    [problem] = problems(steps("{id: a, skill: other}"), more=more)
    assert "These flows call each other in a circle: " in problem
    assert "post → other → post" in problem or "other → post → other" in problem


def test_missing_flow_is_reported() -> None:
    skill = b"entrypoint: folw.yaml\ninput_schema: {}\noutput_schema: {}\n"
    [problem] = problems(steps(SUM), more={"skills/post/skill.yaml": skill})
    assert "'folw.yaml' is not in the skill's folder. Did you mean 'flow.yaml'?" in problem


def test_keys_of_agents_are_rejected() -> None:
    skill = b"entrypoint: flow.yaml\nmodel: claude/sonnet\ninput_schema: {}\noutput_schema: {}\n"
    found = problems(steps(SUM), more={"skills/post/skill.yaml": skill})
    assert any("'model' is only for agents, and this skill is a flow." in one for one in found), found


def test_retries_of_a_flow_name_those_of_its_steps() -> None:
    skill = "entrypoint: flow.yaml\ninput_schema: {}\noutput_schema: {}\n"
    flow = f"steps: [{SUM}]\n"

    def found(retries: str, of: Callable[..., list[str]]) -> list[str]:
        return of(flow, more={"skills/post/skill.yaml": (skill + f"retries: {retries}\n").encode()})

    [message] = found("{max: 2, on: [worker_lost, error]}", problems)
    assert "A flow is not retried on 'error'" in message
    assert "'retries' in the steps of the flow.yaml" in message
    assert any("To repeat failed steps" in one for one in found("{max: 2}", warnings))
    assert not any("retr" in one for one in found("{max: 2, on: [worker_lost]}", warnings))


def test_large_flow_is_checked_in_time() -> None:
    text = "${{ " + " + ".join(["size(inputs.texts)"] * 30) + " }}"
    flow = steps(
        *(f"{{id: s{n}, emit: {{type: x, data: {{a: '{text}', b: '{text}'}}}}}}" for n in range(199))
    )
    started = time.process_time()
    read(flow)
    assert time.process_time() - started < 5
