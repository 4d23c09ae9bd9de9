"""The JSON Schema of skill.yaml says the same as the grammar."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle
from backend.skills.manifest.findings import BundleInvalid
from backend.skills.manifest.json_schema import skill_json_schema
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
