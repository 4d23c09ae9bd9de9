"""Every block of the documentation is valid in its language; complete skills are valid skills."""

from __future__ import annotations

import ast
import json
import re
import subprocess

import pytest
import yaml
from jsonschema import Draft202012Validator

from backend.skills.manifest.json_schema import skill_json_schema
from backend.skills.manifest.yaml_document import read_document
from tests.contract.documents import blocks
from tests.contract.documents.blocks import SIGNATURE, Block

_SKILL = re.compile(r"^# skills/[\w-]+/skill\.yaml")
_REQUIRED_KEYS = ("entrypoint", "input_schema", "output_schema")


def parametrize(*languages: str) -> pytest.MarkDecorator:
    found = blocks.in_language(*languages)
    assert found, languages
    return pytest.mark.parametrize("block", found, ids=[block.position for block in found])


@parametrize("python")
def test_python_compiles(block: Block) -> None:
    # References show signatures; blocks may contain a top-level `await`, as notebooks may.
    signature = re.sub(r"^[\w.]+\.", "", block.code.strip())
    code = f"def {signature}: ..." if SIGNATURE.fullmatch(block.code) else block.code
    compile(code, block.position, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@parametrize("sh", "bash")
def test_shell_is_valid(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@parametrize("json")
def test_json_is_valid(block: Block) -> None:
    json.loads(block.code)


@parametrize("yaml")
def test_yaml_is_valid_and_complete_skills_match_the_schema(block: Block) -> None:
    document = yaml.safe_load(block.code)
    if _SKILL.match(block.code) and all(key in document for key in _REQUIRED_KEYS):
        Draft202012Validator(skill_json_schema()).validate(
            read_document(block.position, block.code.encode()).value
        )
