"""Every block of the documentation is code of its language; those that are whole skills are skills."""

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
_WHOLE = ("entrypoint", "input_schema", "output_schema")


def of(*languages: str) -> pytest.MarkDecorator:
    found = blocks.in_language(*languages)
    assert found, languages
    return pytest.mark.parametrize("block", found, ids=[block.place for block in found])


@of("python")
def test_python_compiles(block: Block) -> None:
    # References show signatures; in a block, as in a notebook, one may await.
    code = f"def {block.code.strip()}: ..." if SIGNATURE.fullmatch(block.code) else block.code
    compile(code, block.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@of("sh", "bash")
def test_shell_is_read_by_a_shell(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@of("json")
def test_json_is_json(block: Block) -> None:
    json.loads(block.code)


@of("yaml")
def test_yaml_is_yaml_and_a_skill_where_it_says_so(block: Block) -> None:
    read = yaml.safe_load(block.code)
    if _SKILL.match(block.code) and all(key in read for key in _WHOLE):
        Draft202012Validator(skill_json_schema()).validate(
            read_document(block.place, block.code.encode()).value
        )
