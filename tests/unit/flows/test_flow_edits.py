"""Edits of a flow.yaml change the lines of the steps that they concern, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from backend.authoring.flow_yaml.api import _edited
from backend.authoring.flow_yaml.edits import AnyFlowEdit, apply_flow_edits
from backend.core.errors import Invalid
from backend.skills.manifest.yaml_edits import apply_step, read
from backend.skills.manifest.yaml_text import NotEditable, Step
from tests.unit.bundles.test_yaml_edits import changes, paths_of

ROOT = Path(__file__).resolve().parents[3]
EDITS: TypeAdapter[Any] = TypeAdapter(list[AnyFlowEdit])
FLOW = """\
# Posts texts.
steps:
  # Counts the words.
  - id: each  # one job for each text
    for_each: ${{ inputs.texts }}
    skill: tally
    inputs: {words: "${{ item }}"}   # as it is

  - id: choice
    switch:
      - when: ${{ size(steps.each) > 3 && has(steps.each[0].total) }}
        steps:
          # Ask.
          - id: sign
            approval:
              message: |
                Post ${{ size(steps.each) }} results?
                Really?
      - when: true
        steps: [{id: note, emit: {type: posted}}]
    default: []

  - {id: both, parallel: [{steps: []}, {steps: [{id: pause, wait: {duration: 1s}}]}]}
# The result.
output: {n: "${{ size(steps.each) + steps.each[0].total }}", text: 'steps.each'}
"""
WAIT = {"id": "rest", "wait": {"duration": "2s"}}


def edited(text: str, *edits: dict[str, Any]) -> str:
    """Return the text with edits in the form of the API."""
    return apply_flow_edits(text, EDITS.validate_python(list(edits)))


def insert(path: list[str | int], index: int, value: Any = WAIT) -> dict[str, Any]:
    """Return an edit that inserts a step."""
    return {"op": "insert_step", "path": path, "index": index, "value": value}


def move(path: list[str | int], to: list[str | int], index: int) -> dict[str, Any]:
    """Return an edit that moves a step."""
    return {"op": "move_step", "path": path, "to": to, "index": index}


SIGN: list[str | int] = ["steps", 1, "switch", 0, "steps"]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (insert(["steps"], 3), ["+", "+  - {id: rest, wait: {duration: 2s}}"]),
        (insert(["steps"], 0), ["+  - id: rest", "+    wait: {duration: 2s}", "+"]),
        (insert(["steps"], 1), ["+", "+  - id: rest", "+    wait: {duration: 2s}"]),
        (insert(SIGN, 1), ["+          - id: rest", "+            wait: {duration: 2s}"]),
        (
            insert(["steps", 1, "switch", 1, "steps"], 0),
            [
                "-        steps: [{id: note, emit: {type: posted}}]",
                "+        steps: [{id: rest, wait: {duration: 2s}}, {id: note, emit: {type: posted}}]",
            ],
        ),
        (
            insert(["steps", 1, "default"], 0),
            [
                "-    default: []",
                "+    default:",
                "+      - id: rest",
                "+        wait: {duration: 2s}",
            ],
        ),
        (
            insert(["steps", 0, "default"], 0),
            ["+    default:", "+      - id: rest", "+        wait: {duration: 2s}"],
        ),
        (
            {"op": "remove_step", "path": [*SIGN, 0]},
            [
                "-        steps:",
                "-          # Ask.",
                "-          - id: sign",
                "-            approval:",
                "-              message: |",
                "-                Post ${{ size(steps.each) }} results?",
                "-                Really?",
                "+        steps: []",
            ],
        ),
        (
            move(["steps", 1, "switch", 1, "steps", 0], ["steps", 1, "default"], 0),
            [
                "-        steps: [{id: note, emit: {type: posted}}]",
                "+        steps: []",
                "-    default: []",
                "+    default:",
                "+      - id: note",
                "+        emit: {type: posted}",
            ],
        ),
        (
            {"op": "rename_step", "path": ["steps", 0], "to": "counted"},
            [
                "-  - id: each  # one job for each text",
                "+  - id: counted  # one job for each text",
                "-      - when: ${{ size(steps.each) > 3 && has(steps.each[0].total) }}",
                "+      - when: ${{ size(steps.counted) > 3 && has(steps.counted[0].total) }}",
                "-                Post ${{ size(steps.each) }} results?",
                "+                Post ${{ size(steps.counted) }} results?",
                "-output: {n: \"${{ size(steps.each) + steps.each[0].total }}\", text: 'steps.each'}",
                "+output: {n: \"${{ size(steps.counted) + steps.counted[0].total }}\", text: 'steps.each'}",
            ],
        ),
        (
            {"op": "set", "path": ["steps", 0, "inputs", "words"], "value": "${{ item.text }}"},
            [
                '-    inputs: {words: "${{ item }}"}   # as it is',
                '+    inputs: {words: "${{ item.text }}"}   # as it is',
            ],
        ),
        (
            {"op": "remove", "path": ["steps", 0, "for_each"]},
            ["-    for_each: ${{ inputs.texts }}"],
        ),
    ],
)
def test_edit_changes_only_its_lines(edit: dict[str, Any], expected: list[str]) -> None:
    assert sorted(changes(FLOW, edited(FLOW, edit))) == sorted(expected)


def test_moved_step_keeps_its_notation_and_comments() -> None:
    after = edited(FLOW, move(["steps", 0], SIGN, 1))
    assert (
        "                Really?\n"
        "          # Counts the words.\n"
        "          - id: each  # one job for each text\n"
        "            for_each: ${{ inputs.texts }}\n"
        "            skill: tally\n"
        '            inputs: {words: "${{ item }}"}   # as it is\n'
        "      - when: true\n"
    ) in after
    assert after.startswith("# Posts texts.\nsteps:\n  - id: choice\n")
    back = edited(after, move(["steps", 0, "switch", 0, "steps", 1], ["steps"], 0))
    assert back == FLOW


def test_step_is_moved_in_its_list() -> None:
    after = edited(FLOW, move(["steps", 0], ["steps"], 2))
    assert [one["id"] for one in read(after).value["steps"]] == ["choice", "both", "each"]
    assert edited(after, move(["steps", 2], ["steps"], 0)) == FLOW


def test_last_step_of_a_default_is_removed_with_it() -> None:
    text = "steps:\n  - id: a\n    switch: [{when: true, steps: []}]\n    default:\n      - id: b\n"
    after = edited(text, {"op": "remove_step", "path": ["steps", 0, "default", 0]})
    assert after == "steps:\n  - id: a\n    switch: [{when: true, steps: []}]\n"


def test_branches_are_written_as_lines() -> None:
    text = edited("", insert(["steps"], 0, {"id": "a", "parallel": [{"steps": []}, {"steps": []}]}))
    assert text == "steps:\n  - id: a\n    parallel:\n      - steps: []\n      - steps: []\n"
    assert edited(text, insert(["steps", 0, "parallel", 1, "steps"], 0, {"id": "b", "skill": "c"})) == (
        "steps:\n  - id: a\n    parallel:\n      - steps: []\n      - steps:\n          - id: b\n            skill: c\n"
    )


PLACED = "steps:\n  - id: a\n    skill: b\n  - id: c\n    skill: d\nx-canvas:\n  a: [320, -40]\n  c: [0, 8]\n"


def test_places_on_the_canvas_follow_their_steps() -> None:
    text = PLACED.partition("x-canvas")[0]
    one = edited(text, {"op": "set", "path": ["x-canvas", "a"], "value": [320, -40]})
    assert edited(one, {"op": "set", "path": ["x-canvas", "c"], "value": [0, 8]}) == PLACED
    renamed = edited(PLACED, {"op": "rename_step", "path": ["steps", 0], "to": "first"})
    assert read(renamed).value["x-canvas"] == {"first": [320, -40], "c": [0, 8]}
    removed = edited(PLACED, {"op": "remove_step", "path": ["steps", 0]})
    assert read(removed).value["x-canvas"] == {"c": [0, 8]}
    assert edited(removed, {"op": "remove_step", "path": ["steps", 0]}) == "steps: []\n"
    moved = edited(PLACED, move(["steps", 0], ["steps"], 1))
    assert read(moved).value["x-canvas"] == {"c": [0, 8]}
    assert edited(PLACED, {"op": "remove", "path": ["x-canvas"]}) == text


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (insert(["steps"], 9), "no such item"),
        (insert(["steps", 9, "switch"], 0), "no such value|no such list"),
        (move(["steps", 1], SIGN, 0), "into itself"),
        (move(["steps", 7], ["steps"], 0), "no such step"),
        ({"op": "remove_step", "path": ["steps", 7]}, "no such item"),
    ],
)
def test_impossible_edits_are_rejected(edit: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        edited(FLOW, edit)


def test_renamed_step_is_renamed_in_each_notation() -> None:
    readers = {
        "plain": "${{ steps.a.n }}",
        "quoted": '"${{ steps.a[\'x\'] + \\"steps.a\\" }}"',
        "single": "'${{ steps.a + ''steps.a'' }}'",
        "lines": ">-\n      ${{ steps.a\n      + b.steps.a }}",
    }
    lines = [f"    {name}: {value}" for name, value in readers.items()]
    text = "\n".join(["steps:", "  - id: a", "    skill: b", "output:", *lines, ""])
    rename = {"op": "rename_step", "path": ["steps", 0], "to": "new"}
    assert read(edited(text, rename)).value["output"] == {
        "plain": "${{ steps.new.n }}",
        "quoted": "${{ steps.new['x'] + \"steps.a\" }}",
        "single": "${{ steps.new + 'steps.a' }}",
        "lines": "${{ steps.new + b.steps.a }}",
    }
    many = "".join(f"  n{number}: ${{{{ steps.a }}}}\n" for number in range(2_000))
    text = f"steps:\n  - id: a\n    skill: b\noutput:\n{many}"
    assert edited(text, rename) == text.replace("steps.a", "steps.new").replace("id: a", "id: new")


def test_renaming_parses_a_long_document_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = "".join(
        f'  - {{id: s{n}, emit: {{type: "${{{{ steps.a + \\"steps.a\\" }}}}"}}}}\n' for n in range(19)
    )
    text = f"steps:\n  - {{id: a, emit: {{type: x}}}}\n{steps}"
    rename = {"op": "rename_step", "path": ["steps", 0], "to": "b"}
    assert edited(text, rename).count("steps.b") == 19
    parsed: list[str] = []
    compose = yaml.compose

    def counted(text: str, **options: Any) -> Any:
        parsed.append(text)
        return compose(text, **options)

    monkeypatch.setattr(yaml, "compose", counted)
    with pytest.raises(NotEditable, match="unusual notation"):
        edited(f"{text}pad: [{'1, ' * 20_000}]\n", rename)
    assert 1 <= len(parsed) < 19, "it is parsed for each of the 19 expressions"


def test_references_name_reader_and_source() -> None:
    found = {(one.step, one.reader) for one in _edited(FLOW, []).references}
    assert found == {(None, "each"), ("each", "choice"), ("each", "sign"), ("each", None)}


# Property: every flow.yaml of the repository.


def examples() -> Iterator[str]:
    """Yield the text of each flow of the templates and of the guide."""
    for path in sorted((ROOT / "skills_kit/templates").rglob("flow.yaml")):
        yield path.read_text(encoding="utf-8")
    for path in ("docs/guides/flows.md", "docs/reference/flow-yaml.md"):
        for part in (ROOT / path).read_text(encoding="utf-8").split("```yaml\n")[1:]:
            text = part.partition("```")[0]
            if "\nsteps:\n" in f"\n{text}":
                yield text


TEXTS = [*examples(), FLOW, PLACED, FLOW.replace("\n", "\r\n"), "\ufeff" + FLOW, FLOW.rstrip("\n")]


def lists_of_steps(value: Any) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of each list of steps."""
    for one in paths_of(value):
        if set(one) - {"steps", "default", "switch", "parallel"} <= set(range(20)) and one[-1] in (
            "steps",
            "default",
        ):
            yield one


def steps_in(document: Any) -> Iterator[Any]:
    """Yield each step, also those inside others."""
    for path in lists_of_steps(document):
        yield from at(document, path)


def at(document: Any, path: tuple[str | int, ...]) -> Any:
    """Return the value at a path."""
    for key in path:
        document = document[key]
    return document


def test_there_are_examples() -> None:
    assert len(TEXTS) >= 6


@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_the_same_without_a_change(text: str) -> None:
    document = read(text).value
    assert edited(text) == text
    for path in paths_of(document):
        assert apply_step(text, Step("set", path, copy.deepcopy(at(document, path)))) == text
    for path in lists_of_steps(document):
        for index, step in enumerate(at(document, path)):
            place = [*path, index]
            assert edited(text, move(place, list(path), index)) == text
            assert edited(text, {"op": "rename_step", "path": place, "to": step["id"]}) == text


@settings(max_examples=60)
@given(st.data())
def test_inserted_steps_are_moved_with_their_comments(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    document = read(text).value
    path = list(data.draw(st.sampled_from(list(lists_of_steps(document)))))
    index = data.draw(st.integers(0, len(at(document, tuple(path)))))
    inserted = edited(text, insert(path, index))
    expected = copy.deepcopy(document)
    at(expected, tuple(path)).insert(index, WAIT)
    assert read(inserted).value == expected
    assert all(line[0] == "+" for line in changes(text, inserted)) or "[" in text
    target = list(data.draw(st.sampled_from(list(lists_of_steps(document)))))
    try:
        moved = edited(inserted, move([*path, index], target, 0))
    except NotEditable:
        return
    comments = [line.split("#")[1] for line in text.splitlines() if "#" in line]
    assert all(comment in moved for comment in comments)
    assert sum(1 for _ in steps_in(read(moved).value)) == sum(1 for _ in steps_in(document)) + 1
