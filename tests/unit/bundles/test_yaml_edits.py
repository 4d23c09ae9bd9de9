"""Edits of a skill.yaml change the lines that they concern, and nothing else."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from backend.authoring.skill_yaml.edits import AnyEdit, apply_edits
from backend.core.errors import Invalid
from backend.skills.manifest.yaml_edits import apply_step, read
from backend.skills.manifest.yaml_text import NotEditable, Step

ROOT = Path(__file__).resolve().parents[3]
EDITS: TypeAdapter[Any] = TypeAdapter(list[AnyEdit])
COMMENTED = """\
# Counts words.
entrypoint: main.py:run   # the function

input_schema:
  type: object
  properties:
    # What is counted.
    text:
      type: string  # not too long
      description: "The text"
      # maxLength: 5
    count: {type: integer, minimum: 1}   # optional

    # Last one.
    mode: {type: string, enum: [a, 'b']}
  required: [text, mode]   # both
output_schema: {type: object, properties: {"n": {type: integer}}}
x-own: [1,   2]   # unknown keys stay
limits:
  steps: 8
"""


def edited(text: str, *edits: dict[str, Any]) -> str:
    """Return the text with edits in the form of the API."""
    return apply_edits(text, EDITS.validate_python(list(edits)))


def changes(before: str, after: str) -> list[str]:
    """Return the removed and added lines."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def of_field(op: str, name: str, schema: str = "input_schema", **more: Any) -> dict[str, Any]:
    """Return an edit of a field."""
    return {"op": op, "schema_path": [schema], "name": name, **more}


def value(path: list[str | int], new: Any) -> dict[str, Any]:
    """Return an edit that sets a value."""
    return {"op": "set", "path": path, "value": new}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (of_field("add_field", "size", definition={"type": "integer"}), ["+    size: {type: integer}"]),
        (
            of_field("rename_field", "text", to="body"),
            [
                "-    text:",
                "+    body:",
                "-  required: [text, mode]   # both",
                "+  required: [body, mode]   # both",
            ],
        ),
        (
            of_field("remove_field", "count"),
            ["-    count: {type: integer, minimum: 1}   # optional"],
        ),
        (
            of_field("remove_field", "mode"),
            [
                "-    mode: {type: string, enum: [a, 'b']}",
                "-  required: [text, mode]   # both",
                "+  required: [text]   # both",
            ],
        ),
        (
            of_field("require_field", "count", required=True),
            ["-  required: [text, mode]   # both", "+  required: [text, mode, count]   # both"],
        ),
        (
            of_field("move_field", "count", index=2),
            [
                "-    count: {type: integer, minimum: 1}   # optional",
                "+    count: {type: integer, minimum: 1}   # optional",
            ],
        ),
        (
            value(["input_schema", "properties", "text", "description"], "All of it: 'x' # y"),
            ['-      description: "The text"', "+      description: \"All of it: 'x' # y\""],
        ),
        (
            value(["input_schema", "properties", "text", "maxLength"], 90),
            ["+      maxLength: 90"],
        ),
        (
            value(["input_schema", "properties", "mode", "enum"], ["a", "on", "1"]),
            [
                "-    mode: {type: string, enum: [a, 'b']}",
                "+    mode: {type: string, enum: [a, 'on', '1']}",
            ],
        ),
        (value(["limits", "cost_usd"], 0.5), ["+  cost_usd: 0.5"]),
        (value(["timeout_s"], 60), ["+timeout_s: 60"]),
        (value(["title"], "Count"), ["+title: Count"]),
        (value(["memory", "digest"], True), ["+memory:", "+  digest: true"]),
        (
            value(["description"], "One.\nTwo."),
            ["+description: |-", "+  One.", "+  Two."],
        ),
        ({"op": "remove", "path": ["limits", "steps"]}, ["-limits:", "-  steps: 8", "+limits: {}"]),
        ({"op": "remove", "path": ["x-own"]}, ["-x-own: [1,   2]   # unknown keys stay"]),
        (
            of_field("require_field", "n", "output_schema", required=False),
            [
                '-output_schema: {type: object, properties: {"n": {type: integer}}}',
                '+output_schema: {type: object, properties: {"n": {type: integer}}, required: []}',
            ],
        ),
        (
            of_field("rename_field", "n", "output_schema", to="on"),
            [
                '-output_schema: {type: object, properties: {"n": {type: integer}}}',
                '+output_schema: {type: object, properties: {"on": {type: integer}}}',
            ],
        ),
    ],
)
def test_edit_changes_only_its_lines(edit: dict[str, Any], expected: list[str]) -> None:
    assert sorted(changes(COMMENTED, edited(COMMENTED, edit))) == sorted(expected)


@pytest.mark.timeout(20)  # each change parses the text twice
@pytest.mark.parametrize(("count", "is_changed"), [(40, True), (3_000, False)])
def test_renaming_changes_as_many_values_as_a_request_may_take(count: int, is_changed: bool) -> None:
    lines = ", ".join(["{sku: a}"] * count)
    schema = "{properties: {lines: {items: {properties: {sku: {}}}}}}"
    text = f"input_schema: {schema}\nexamples: [{{inputs: {{lines: [{lines}]}}}}]\n"
    path = ["input_schema", "properties", "lines", "items"]
    edit = {"op": "rename_field", "schema_path": path, "name": "sku", "to": "article"}
    if is_changed:
        assert edited(text, edit).count("article: a") == count
    else:
        with pytest.raises(NotEditable, match="3,001 values of a large file"):
            edited(text, edit)


NAMED: Final = """\
entrypoint: prompt.md
input_schema:
  type: object
  properties:
    order_number: {type: string}  # as on the invoice
    lines:
      type: array
      items: {type: object, properties: {sku: {type: string}}, default: {sku: a}}
  required: [order_number]
output_schema:
  properties:
    lines: {type: array, items: {properties: {sku: {type: string}}}}
examples:
  - title: First  # of two
    inputs: {"order_number": A1, lines: [{sku: b}, {sku: c}]}
    outputs:
      lines:
        - sku: d  # sold
  - inputs:
      order_number: A2  # a large one
      order: A3
      x-own: [1,   2]
memory: {keys: [customer, order_number]}
evals:
  - {name: same, kind: exact_match, field: "lines[0].sku"}
  - {name: other, kind: exact_match, field: lines.0.sku_of}
"""


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (
            of_field("rename_field", "order_number", to="number"),
            [
                "-    order_number: {type: string}  # as on the invoice",
                "+    number: {type: string}  # as on the invoice",
                "-  required: [order_number]",
                "+  required: [number]",
                '-    inputs: {"order_number": A1, lines: [{sku: b}, {sku: c}]}',
                '+    inputs: {"number": A1, lines: [{sku: b}, {sku: c}]}',
                "-      order_number: A2  # a large one",
                "+      number: A2  # a large one",
                "-memory: {keys: [customer, order_number]}",
                "+memory: {keys: [customer, number]}",
            ],
        ),
        (  # the second example has the new name already
            of_field("rename_field", "order_number", to="order"),
            [
                "-    order_number: {type: string}  # as on the invoice",
                "+    order: {type: string}  # as on the invoice",
                "-  required: [order_number]",
                "+  required: [order]",
                '-    inputs: {"order_number": A1, lines: [{sku: b}, {sku: c}]}',
                '+    inputs: {"order": A1, lines: [{sku: b}, {sku: c}]}',
                "-memory: {keys: [customer, order_number]}",
                "+memory: {keys: [customer, order]}",
            ],
        ),
        (
            {
                "op": "rename_field",
                "schema_path": ["input_schema", "properties", "lines", "items"],
                "name": "sku",
                "to": "article",
            },
            [
                "-      items: {type: object, properties: {sku: {type: string}}, default: {sku: a}}",
                "+      items: {type: object, properties: {article: {type: string}}, default: {article: a}}",
                '-    inputs: {"order_number": A1, lines: [{sku: b}, {sku: c}]}',
                '+    inputs: {"order_number": A1, lines: [{article: b}, {article: c}]}',
            ],
        ),
        (
            {
                "op": "rename_field",
                "schema_path": ["output_schema", "properties", "lines", "items"],
                "name": "sku",
                "to": "article",
            },
            [
                "-    lines: {type: array, items: {properties: {sku: {type: string}}}}",
                "+    lines: {type: array, items: {properties: {article: {type: string}}}}",
                "-        - sku: d  # sold",
                "+        - article: d  # sold",
                '-  - {name: same, kind: exact_match, field: "lines[0].sku"}',
                '+  - {name: same, kind: exact_match, field: "lines[0].article"}',
            ],
        ),
    ],
)
def test_renamed_field_is_renamed_wherever_the_file_names_it(
    edit: dict[str, Any], expected: list[str]
) -> None:
    assert sorted(changes(NAMED, edited(NAMED, edit))) == sorted(expected)


def test_moved_field_keeps_the_comment_above_it() -> None:
    after = edited(COMMENTED, of_field("move_field", "mode", index=0))
    lines = after.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("    mode:"))
    assert lines[at - 1] == "    # Last one."
    assert lines[at + 1 : at + 3] == ["    # What is counted.", "    text:"]
    assert list(read(after).value["input_schema"]["properties"]) == ["mode", "text", "count"]


def test_new_key_has_its_usual_place() -> None:
    assert edited(COMMENTED, value(["title"], "Count")).splitlines()[1:3] == [
        "entrypoint: main.py:run   # the function",
        "title: Count",
    ]


def test_edit_without_a_change_returns_the_same_text() -> None:
    edits = (
        value(["limits", "steps"], 8),
        {"op": "remove", "path": ["timeout_s"]},
        of_field("remove_field", "none"),
        of_field("require_field", "text", required=True),
        of_field("require_field", "count", required=False),
        of_field("move_field", "text", index=0),
        of_field("rename_field", "text", to="text"),
    )
    assert edited(COMMENTED, *edits) == COMMENTED


@pytest.mark.parametrize(
    ("text", "edit", "expected"),
    [
        ("", value(["title"], "A"), "title: A\n"),
        ("# only a comment", value(["title"], "A"), "# only a comment\ntitle: A\n"),
        ("a: 1", value(["x", "steps"], 2), "a: 1\nx:\n  steps: 2"),
        (
            "limits:  # of a job\nb: 1\n",
            value(["limits", "steps"], 2),
            "limits:  # of a job\n  steps: 2\nb: 1\n",
        ),
        ("limits: {}  # c\n", value(["limits", "steps"], 2), "limits:  # c\n  steps: 2\n"),
        ("a: 1\r\nb: 2\r\n", value(["title"], "A"), "title: A\r\na: 1\r\nb: 2\r\n"),
        ('{"title":"a"}', value(["title"], "b"), '{"title": "b"}'),
        ("description: >\n  a\n  b\n\nb: 1\n", value(["description"], "c"), "description: c\n\nb: 1\n"),
        ("description: a\nb: 1\n", value(["description"], "c\nd\n"), "description: |\n  c\n  d\nb: 1\n"),
        ("l: [1, 2]\n", value(["l", 2], 3), "l: [1, 2, 3]\n"),
        ("l:\n- 1\n# c\n- 2\n", {"op": "remove", "path": ["l", 0]}, "l:\n# c\n- 2\n"),
        ("l:\n  - {a: 1}  # one\n", value(["l", 0, "b"], 2), "l:\n  - {a: 1, b: 2}  # one\n"),
        ("l:\n  - a: 1\n    b: 2\n", {"op": "remove", "path": ["l", 0, "a"]}, "l:\n  - b: 2\n"),
        ("\ufeffa: 1\n", value(["a"], 2), "\ufeffa: 2\n"),
        ("input_schema: {type: object}\n", of_field("add_field", "a"), None),
        ("", of_field("add_field", "a", required=True), None),
    ],
)
def test_unusual_texts(text: str, edit: dict[str, Any], expected: str | None) -> None:
    after = edited(text, edit)
    assert expected is None or after == expected
    assert not read(after).problems


@pytest.mark.parametrize(
    ("text", "edit", "message"),
    [
        ("a: [1", value(["b"], 1), "not valid YAML"),
        ("- a\n", value(["b"], 1), "not a mapping"),
        ("a: &x {b: 1}\nc: *x\n", value(["a", "b"], 2), "anchors"),
        ("a: 1\n", value(["a", "b"], 2), "another type"),
        (COMMENTED, of_field("rename_field", "text", to="mode"), "'mode' exists already"),
        (COMMENTED, of_field("rename_field", "none", to="mode"), "no such field"),
        (COMMENTED, of_field("add_field", "text"), "already"),
        ("a: [1]\n", value(["a", 4], 2), "no such item"),
    ],
)
def test_impossible_edits_are_rejected(text: str, edit: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        edited(text, edit)


# Property: every skill.yaml of the repository.


def examples() -> Iterator[str]:
    """Yield the text of each skill.yaml of the templates, the documentation and the tests."""
    for folder in ("skills_kit", "tests", "docs", "notebooks", "benchmarks", "backend"):
        for path in sorted((ROOT / folder).rglob("skill.y*ml")):
            yield path.read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for part in page.read_text(encoding="utf-8").split("```yaml\n")[1:]:
            text = part.partition("```")[0]
            if text.startswith("entrypoint:"):
                yield text


TEXTS = [
    *examples(),
    COMMENTED,
    COMMENTED.replace("\n", "\r\n"),
    "\ufeff" + COMMENTED,
    COMMENTED.rstrip("\n"),
]


@pytest.mark.parametrize("text", [*TEXTS, NAMED])
def test_fields_of_an_example_that_are_renamed_twice_are_the_same_text(text: str) -> None:
    document = read(text).value
    for schema in ("input_schema", "output_schema"):
        for name in document.get(schema, {}).get("properties", {}):
            once = edited(text, of_field("rename_field", name, schema, to="renamed"))
            assert once != text
            assert edited(once, of_field("rename_field", "renamed", schema, to=name)) == text


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
).filter(lambda value: "\\ud" not in ascii(value) and "\\x00" not in ascii(value))


def paths_of(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of each value."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths_of(inner, (*path, key))


def at(document: Any, path: tuple[str | int, ...]) -> Any:
    """Return the value at a path."""
    for key in path:
        document = document[key]
    return document


def test_there_are_examples() -> None:
    assert len(TEXTS) >= 11


@pytest.mark.parametrize("text", TEXTS)
def test_setting_each_value_of_an_example_to_itself_changes_nothing(text: str) -> None:
    document = read(text).value
    assert edited(text) == text
    for path in paths_of(document):
        assert apply_step(text, Step("set", path, copy.deepcopy(at(document, path)))) == text


@settings(max_examples=100)
@given(st.data())
def test_edit_of_an_example_gives_the_expected_document_and_keeps_comments(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    document = read(text).value
    path = data.draw(st.sampled_from(list(paths_of(document))))
    action = data.draw(st.sampled_from(["set", "remove", "rename", "move", "insert"]))
    expected = copy.deepcopy(document)
    parent = at(expected, path[:-1])
    if action == "insert":
        step = Step(
            "set", (*path[:-1], len(parent) if isinstance(parent, list) else "new key"), data.draw(JSON)
        )
    else:
        new = {"set": JSON, "remove": st.none(), "rename": st.just("renamed"), "move": st.integers(0, 3)}[
            action
        ]
        step = Step(action, path, data.draw(new))  # type: ignore[arg-type]
    try:
        after = apply_step(text, step)
    except NotEditable as error:
        # Items of lists have no names, and share lines with the keys in them.
        assert any(isinstance(key, int) for key in path), error.detail
        return
    if step.action == "remove":
        del parent[path[-1]]
    elif step.action == "set" and isinstance(parent, list) and step.path[-1] == len(parent):
        parent.append(step.value)
    elif step.action == "set":
        parent[step.path[-1]] = step.value
    elif step.action == "rename":
        parent[step.value] = parent.pop(path[-1])
    assert read(after).value == expected
    comments = [line.split(" #")[1] for line in text.splitlines() if " #" in line]
    if step.action in ("rename", "move") or action == "insert":
        assert all(comment in after for comment in comments)
        assert len(changes(text, after)) <= (4 if action != "move" else 200) + 40 * (action == "insert")


TOOL = {"name": "count", "entrypoint": "tools.py:count", "input_schema": {"type": "object", "properties": {}}}


def test_list_of_mappings_is_written_in_lines() -> None:
    text = "entrypoint: prompt.md\nx-own: 1  # stays\n"
    first = edited(text, {"op": "set", "path": ["tools"], "value": [TOOL]})
    lines = [
        "+tools:",
        "+  - name: count",
        "+    entrypoint: tools.py:count",
        "+    input_schema: {type: object, properties: {}}",
    ]
    assert changes(text, first) == lines
    header = {"op": "set", "path": ["tools", 1, "headers", "Authorization"], "value": "Bearer ${secret:A}"}
    second = edited(
        first, {"op": "set", "path": ["tools", 1], "value": {"mcp": "https://a.example/mcp"}}, header
    )
    assert changes(first, second) == [
        "+  - mcp: https://a.example/mcp",
        "+    headers:",
        "+      Authorization: Bearer ${secret:A}",
    ]
    assert edited(second, {"op": "remove", "path": ["tools", 1]}) == first
    assert edited(first, {"op": "remove", "path": ["tools"]}) == text


def test_item_is_written_like_its_siblings() -> None:
    text = "entrypoint: prompt.md\ntools:\n- {builtin: python}  # first\n# next\nlane: fast\n"
    added = edited(text, {"op": "set", "path": ["tools", 1], "value": TOOL})
    [line] = changes(text, added)
    assert line.startswith("+- {name: count, ")
    empty = edited(
        "entrypoint: a.md\ntools: []  # none\n", {"op": "set", "path": ["tools", 0], "value": TOOL}
    )
    assert "tools: # none\n  - name: count\n" in empty.replace("tools:  #", "tools: #")
