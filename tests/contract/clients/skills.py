"""Define the skillpack that the tests of the clients run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FILES: Final = {
    "tally/skill.yaml": """\
description: Counts aloud.
entrypoint: main.py:run
input_schema:
  type: object
  properties:
    upto: {type: integer, minimum: 0, maximum: 1000, default: 3}
    fail: {type: boolean, default: false}
    wait_s: {type: number, default: 0}
output_schema:
  type: object
  properties:
    total: {type: integer}
""",
    "tally/main.py": """\
import time

from puras import log


def run(upto, fail, wait_s):
    for number in range(upto):
        log.info(f"counted {number}")
    time.sleep(wait_s)
    if fail:
        raise ValueError("asked to fail")
    return {"total": upto}
""",
    "twice/skill.yaml": """\
description: Counts twice.
entrypoint: flow.yaml
input_schema: {type: object, properties: {upto: {type: integer}}, required: [upto]}
output_schema: {type: object, properties: {total: {type: integer}}}
""",
    "twice/flow.yaml": """\
steps:
  - {id: first, skill: tally, inputs: {upto: "${{ inputs.upto }}"}}
  - {id: second, skill: tally, inputs: {upto: "${{ steps.first.total * 2 }}"}}
""",
    "weigh/skill.yaml": """\
description: Weighs files.
entrypoint: main.py:run
input_schema:
  type: object
  properties:
    first: {type: file}
    others: {type: array, items: {type: file}, default: []}
  required: [first]
output_schema:
  type: object
  properties:
    bytes: {type: array, items: {type: integer}}
""",
    "weigh/main.py": """\
from puras import load_bytes


def run(first, others):
    return {"bytes": [len(load_bytes(file)) for file in [first, *others]]}
""",
    "talk/skill.yaml": """\
description: Talks about birds.
entrypoint: prompt.md
model: puras/rehearsal
input_schema:
  type: object
  properties:
    question: {type: text}
  required: [question]
output_schema:
  type: object
  properties:
    answer: {type: text}
examples:
  - title: Owls
    inputs: {question: What is an owl?}
    outputs: {answer: A bird of the night.}
  - title: Larks
    inputs: {question: And a lark?}
    outputs: {answer: A bird of the morning.}
""",
    "talk/prompt.md": "Talk about birds.\n",
    "scored/skill.yaml": """\
entrypoint: main.py:run
input_schema: {type: object, properties: {n: {type: integer}}}
output_schema: {type: object, properties: {n: {type: integer}}}
evals:
  dataset: cases.jsonl
  graders:
    - {name: right, kind: exact_match}
""",
    "scored/main.py": "def run(n):\n    return {'n': 2 * n}\n",
    "scored/cases.jsonl": """\
{"id": "one", "inputs": {"n": 1}, "expected": {"n": 2}}
{"id": "wrong", "inputs": {"n": 2}, "expected": {"n": 5}}
""",
}


def write(folder: Path) -> Path:
    """Write the skillpack to a folder."""
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder
