"""The JSON Schema of skill.yaml says the same as the grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle
from backend.skills.manifest.findings import BundleInvalid
from backend.skills.manifest.json_schema import pack_json_schema, skill_json_schema
from backend.skills.manifest.yaml_document import read_document

STARTER = Path(__file__).parents[2] / "skills_kit" / "templates" / "starter"


def known_to_the_grammar() -> set[str]:
    """The keys that the grammar lists when it meets one that it has never heard of."""
    text = b"entrypoint: SKILL.md\ninput_schema: {}\noutput_schema: {}\nqqqqqqqq: 1\n"
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(pack_files({"a/skill.yaml": text, "a/SKILL.md": b"x"}))
    listed = re.search(r"Known are (.*)\.", caught.value.problems[0].message)
    assert listed is not None
    return set(listed[1].split(", "))


def test_both_know_the_same_keys() -> None:
    assert set(skill_json_schema()["properties"]) == known_to_the_grammar()


def test_it_is_a_valid_schema_that_the_starter_fits() -> None:
    schema = skill_json_schema()
    Draft202012Validator.check_schema(schema)
    for file in STARTER.glob("skills/*/skill.yaml"):
        Draft202012Validator(schema).validate(read_document(file.name, file.read_bytes()).value)


@pytest.mark.parametrize(
    "more",
    [
        "rails: [{name: a, on: input, pii: all}, {name: b, on: [input, output], pii: email}]",
        "rails: [{name: a, on: [output], pii: [card]}]",
        "rails: [{name: a, on: input, words: [x], action: flag}]",
        "rails: [{name: a, on: input, entrypoint: 'main.py:run', timeout_s: 5}]",
        "rails: [{name: a, on: input, schema: {type: object}}]",
        "image_model: nano-banana",
        "image_model: auto",
        "memory: true",
        "retries: {max: 1, on: [error], backoff: 3}",
        "evals: [{name: a, kind: schema, schema: {type: object}}]",
        "marketing: {anything: 1, comparison: {rows: [{dimension: a, competitor: b, puras: c}]}}",
        "tools: [{builtin: python, confirm: true}, {mcp: 'https://x.org', allow: [a], headers: {X: y}}]",
    ],
)
def test_it_accepts_what_the_grammar_accepts(more: str) -> None:
    text = f"entrypoint: SKILL.md\ninput_schema: {{}}\noutput_schema: {{}}\n{more}\n".encode()
    read_bundle(pack_files({"a/skill.yaml": text, "a/SKILL.md": b"x", "a/main.py": b"def run(): ..."}))
    Draft202012Validator(skill_json_schema()).validate(read_document("skill.yaml", text).value)


def test_every_key_has_a_description() -> None:
    def descriptions(schema: Any) -> Iterator[str]:
        if isinstance(schema, dict):
            yield from (one["description"] for one in schema.get("properties", {}).values())
            yield from (found for one in schema.values() for found in descriptions(one))
        elif isinstance(schema, list):
            yield from (found for one in schema for found in descriptions(one))

    schema = {name: one for name, one in skill_json_schema().items() if name != "$defs"}
    found = [*descriptions(schema), *descriptions(pack_json_schema())]
    assert len(found) > 100
    assert all(one.endswith(".") for one in found)


def test_it_refuses_what_the_grammar_refuses() -> None:
    check = Draft202012Validator(skill_json_schema())
    good = {"entrypoint": "SKILL.md", "input_schema": {}, "output_schema": {}}
    assert check.is_valid(good)
    for bad in (
        {"titel": "x"},
        {"model": "claude/sonet"},
        {"retries": {"on": ["eror"]}},
        {"limits": {"x": 1}},
    ):
        assert not check.is_valid({**good, **bad})
