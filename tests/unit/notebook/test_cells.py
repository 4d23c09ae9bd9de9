"""Check that a `%%skill` cell becomes valid files of a skill."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import puras
import pytest
import yaml
from puras.notebook.cells import CellSkill, function_cell, is_function_cell, prompt_cell
from puras.notebook.errors import CellRefused
from puras.notebook.hints import hinted

from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle

FUNCTION = '''
from typing import Annotated

@puras.skill(
    network="none",
    examples=[{"inputs": {"text": "a b"}}],
)
def count(text: Annotated[str, "What to count."], top: int = 3) -> dict:
    """Counts words.

    More than callers need.
    """
    return {"words": len(text.split())}
'''
PROMPT = """---
# a comment
input_schema: {type: object, required: [text], properties: {text: {type: text}}}
routing: {escalate_to: claude/opus-4-8, on: [schema_fail]}
---
Sum it up.
"""


def _function(text: str, name: str = "count") -> CellSkill:
    namespace: dict[str, Any] = {"puras": puras}
    exec(text, namespace)
    return function_cell(name, text, namespace)


def _manifest(skill: CellSkill) -> Any:
    files = {f"skills/{skill.name}/{path}": text.encode() for path, text in skill.files.items()}
    return read_bundle(pack_files(files)).manifest.skills[0]


def test_a_function_cell_is_a_skill_with_the_schemas_of_its_hints() -> None:
    skill = _function(FUNCTION)
    manifest = _manifest(skill)
    assert manifest.entrypoint == "main.py:count"
    assert manifest.description == "Counts words."
    assert manifest.input_schema == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "What to count."},
            "top": {"type": "integer", "default": 3},
        },
        "required": ["text"],
    }
    assert manifest.output_schema == {"type": "object"}
    assert manifest.network == "none"
    assert skill.examples == [{"text": "a b"}]


def test_the_decorator_is_removed_and_line_numbers_do_not_change() -> None:
    shipped = _function(FUNCTION).files["main.py"].splitlines()
    assert not any("puras.skill" in line for line in shipped)
    number = FUNCTION.splitlines().index(
        'def count(text: Annotated[str, "What to count."], top: int = 3) -> dict:'
    )
    assert shipped[number].startswith("def count(")


def test_front_matter_is_copied_unchanged() -> None:
    skill = prompt_cell("sum-up", PROMPT)
    assert "# a comment" in skill.files["skill.yaml"]
    assert skill.files["prompt.md"] == "Sum it up.\n"
    manifest = _manifest(skill)
    assert manifest.is_agentic
    assert manifest.routing.on == ["schema_fail"] or list(manifest.routing.on) == ["schema_fail"]


def test_a_prompt_without_front_matter_has_default_schemas() -> None:
    manifest = _manifest(prompt_cell("ask", "Answer the question."))
    assert list(manifest.input_schema["properties"]) == ["input"]
    assert list(manifest.output_schema["properties"]) == ["output"]


def test_required_packages_become_a_file() -> None:
    skill = prompt_cell("ask", "Answer.", ("httpx==1.0",))
    assert skill.files["requirements.txt"] == "httpx==1.0\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(): ...", True),
        ("Hello", False),
        ("---\ndescription: x\n---\ndef f(): ...", False),
        ("Write a def.", False),
    ],
)
def test_code_and_prompts_are_distinguished(text: str, expected: bool) -> None:
    assert is_function_cell(text) is expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: is_function_cell("!pip install x\n@puras.skill\ndef f(): ..."),
            "Line 1 of the cell is not valid Python",
        ),
        (lambda: prompt_cell("Bad Name", "x"), "is not a valid name of a skill"),
        (lambda: prompt_cell("a", "---\nx: [\n---\ny"), "is not valid YAML"),
        (lambda: prompt_cell("a", "---\nentrypoint: a.md\n---\ny"), "Remove `entrypoint`"),
        (lambda: prompt_cell("a", "---\ndescription: x\ny"), "has no end"),
        (lambda: prompt_cell("a", "---\ndescription: x\n---\n  "), "no prompt"),
        (lambda: _function("def a(x: int) -> dict: ...\ndef b(x: int) -> dict: ..."), "a(), b()"),
        (lambda: _function("async def count(x: int) -> dict: ..."), "async"),
        (lambda: _function("def count(x) -> dict: ..."), "'x' of count() has no type hint"),
        (lambda: _function("def count(x: int): ..."), "return annotation"),
        (lambda: _function("def count(*x: int) -> dict: ..."), "one parameter for each input"),
        (lambda: _function("import datetime\ndef count(x: datetime.date) -> dict: ..."), "date of 'x'"),
    ],
)
def test_problems_of_a_cell_have_messages(make: Any, message: str) -> None:
    with pytest.raises(CellRefused, match=message.replace("(", r"\(").replace(")", r"\)")):
        make()


class Place(TypedDict):
    name: str
    zip: NotRequired[int]


def test_hints_become_schemas() -> None:
    def function(
        flag: bool,
        kind: Literal["a", "b"],
        maybe: int | None,
        many: list[float],
        byname: dict[str, int],
        where: Place,
        image: Annotated[str, {"type": "image"}],
        anything: Any = None,
    ) -> Place: ...

    schemas = hinted(function)
    place = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "zip": {"type": "integer"}},
        "required": ["name"],
    }
    assert schemas.input_schema["properties"] == {
        "flag": {"type": "boolean"},
        "kind": {"enum": ["a", "b"]},
        "maybe": {"type": ["integer", "null"]},
        "many": {"type": "array", "items": {"type": "number"}},
        "byname": {"type": "object", "additionalProperties": {"type": "integer"}},
        "where": place,
        "image": {"type": "image"},
        "anything": {},
    }
    assert "anything" not in schemas.input_schema["required"]
    assert schemas.output_schema == place
    assert yaml.safe_load(yaml.safe_dump(schemas.input_schema)) == schemas.input_schema
