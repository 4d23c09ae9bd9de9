"""The JSON Schema of skill.yaml accepts and rejects the same manifests as the parser."""

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


def keys_of_the_parser() -> set[str]:
    """Return the keys that the parser lists in its error about an unknown key."""
    text = b"entrypoint: SKILL.md\ninput_schema: {}\noutput_schema: {}\nqqqqqqqq: 1\n"
    with pytest.raises(BundleInvalid) as error:
        read_bundle(pack_files({"a/skill.yaml": text, "a/SKILL.md": b"x"}))
    match = re.search(r"Known are (.*)\.", error.value.problems[0].message)
    assert match is not None
    return set(match[1].split(", "))


def test_schema_and_parser_have_the_same_keys() -> None:
    assert set(skill_json_schema()["properties"]) == keys_of_the_parser()


def test_starter_matches_the_schema() -> None:
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
def test_schema_accepts_what_the_parser_accepts(more: str) -> None:
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


def test_schema_rejects_what_the_parser_rejects() -> None:
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
