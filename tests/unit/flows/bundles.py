"""Bundles with a flow, for tests."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import ReadBundle, read_bundle
from backend.skills.manifest.findings import BundleInvalid

INPUTS = {
    "type": "object",
    "properties": {
        "texts": {"type": "array", "items": {"type": "string"}},
        "note": {"type": "string"},
        "count": {"type": "integer", "default": 1},
    },
    "required": ["texts"],
}
TALLY = """\
entrypoint: main.py:run
input_schema: {type: object, properties: {words: {type: string, maxLength: 9}}, required: [words]}
output_schema: {type: object, properties: {total: {type: integer}}}
"""
EXAMPLE = """\
steps:
  - id: each
    for_each: ${{ inputs.texts }}
    concurrency: 4
    skill: tally
    inputs: {words: "${{ item }}"}
  - id: sign
    approval: {message: "Post ${{ size(steps.each) }} results?"}
output: {n: "${{ size(steps.each) }}", first: "${{ steps.each[0].total }}"}
"""


def bundle(flow: str, *, output: dict[str, Any] | None = None, more: dict[str, bytes] | None = None) -> bytes:
    """Return a bundle with the skill `tally` and the flow `post`."""
    post = {"entrypoint": "flow.yaml", "input_schema": INPUTS, "output_schema": output or {"type": "object"}}
    files = {
        "skills/tally/skill.yaml": TALLY.encode(),
        "skills/tally/main.py": b"def run(words):\n    return {'total': len(words)}\n",
        "skills/post/skill.yaml": yaml.safe_dump(post).encode(),
        "skills/post/tools.py": b"def clean(text):\n    return {'text': text}\n",
        "skills/post/flow.yaml": flow.encode(),
    }
    return pack_files({**files, **(more or {})})


def read(flow: str, **options: Any) -> ReadBundle:
    """Return the bundle."""
    return read_bundle(bundle(flow, **options))


def problems(flow: str, **options: Any) -> list[str]:
    """Return the errors of the flow as `line: message`."""
    with pytest.raises(BundleInvalid) as caught:
        read(flow, **options)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def warnings(flow: str, **options: Any) -> list[str]:
    """Return the warnings of the flow."""
    return [warning.message for warning in read(flow, **options).warnings]


def steps(*texts: str) -> str:
    """Return a flow of the steps, each in the flow style of YAML."""
    return "steps:\n" + "".join(f"  - {text}\n" for text in texts)
