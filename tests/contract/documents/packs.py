"""The skillpacks that the pages speak of, and what a language model says to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.contract.documents import blocks
from tests.contract.documents.blocks import ROOT
from tests.contract.documents.reading import Reader
from tests.doubles.messages import Answer, calls, says

HEAD: Final = "entrypoint: main.py:run\nnetwork: none\n"
SUMMARIZE_PROMPT: Final = {"skills/summarize/prompt.md": "Sum it up.\n"}


def answer(body: dict[str, Any]) -> Answer:
    """What the model says: it pays back when it is told to, judges, answers, or sums up."""
    offered = {tool["name"] for tool in body.get("tools", [])}
    if "verdict" in offered:
        return says(calls("verdict", score=0.9, reason="So it is."))
    if "Give the money back" in json.dumps(body["system"]) and len(body["messages"]) == 1:
        return says(calls("refund", order="1042"))
    if "urgency" in json.dumps(body.get("tools")):
        return says(calls("set_output", team="shipping", urgency="high", answer="It comes tomorrow."))
    if "measure" in offered:
        told = {"keywords": ["owls"], "words": 4, "reading_minutes": 0.1}
        return says(calls("set_output", title="Owls", summary="They hunt at night.", **told))
    if "Answer the question" in json.dumps(body["system"]):
        return says(calls("set_output", answer="Owls do."))
    return says(calls("set_output", title="Owls", summary="They hunt at night."))


def function(
    name: str,
    main: str,
    *,
    takes: str = "",
    gives: Mapping[str, str] | None = None,
    more: str = "",
) -> dict[str, str]:
    """A skillpack with one function in Python."""
    inputs: dict[str, object] = {takes: {}} if takes else {}
    outputs = {key: {"type": kind} for key, kind in (gives or {}).items()} or {"title": {}, "days": {}}
    document = f"{HEAD}{more}input_schema: {json.dumps({'type': 'object', 'properties': inputs})}\n"
    document += f"output_schema: {json.dumps({'type': 'object', 'properties': outputs})}\n"
    return {f"skills/{name}/skill.yaml": document, f"skills/{name}/main.py": main}


def of_folder(folder: Path) -> dict[str, str]:
    """The skillpack in a folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


def template(name: str) -> dict[str, str]:
    """A template, as `puras init` writes it."""
    return of_folder(ROOT / "skills_kit" / "templates" / name)


OF_CLIENTS: Final = {
    **function(
        "greet",
        "def run(name):\n    return {'greeting': f'Hello, {name}!'}\n",
        takes="name",
        gives={"greeting": "string"},
    ),
    **function(
        "resize", "def run(width):\n    return {'width': width}\n", takes="width", gives={"width": "integer"}
    ),
    **function(
        "summarize",
        "def run(text):\n    return {'summary': text[:5]}\n",
        takes="text",
        gives={"summary": "string"},
    ),
    "skills/thumbnail/skill.yaml": HEAD
    + "input_schema: {type: object, properties: {image: {type: image}}}\n"
    + "output_schema: {type: object, properties: {thumbnail: {type: image}}}\n",
    "skills/thumbnail/main.py": "from puras import drive, load_bytes\n\n\n"
    "def run(image):\n    return {'thumbnail': drive.save('thumbnails/a.jpg', load_bytes(image))}\n",
}
"""The skills that the pages of the clients call."""
SHOUT: Final = function(
    "shout", "def run(text):\n    return {'text': text.upper()}\n", takes="text", gives={"text": "string"}
)


def yaml_of(page: str, mark: str) -> str:
    """The block of YAML with these words, without the name of its file."""
    (code,) = (
        block.code for block in blocks.of_page(page) if block.language == "yaml" and mark in block.code
    )
    return code


def summarize(more: str = "") -> dict[str, str]:
    """The agent of the page of agents, perhaps with more in its skill.yaml."""
    document = yaml_of("agents", "# skills/summarize/skill.yaml")
    return {"skills/summarize/skill.yaml": document + more, **SUMMARIZE_PROMPT}


def graded() -> dict[str, str]:
    """The same with the graders and the cases of the page of evals."""
    (cases,) = (block.code for block in blocks.of_page("evals") if block.language == "jsonl")
    evals = yaml_of("evals", "# skills/summarize/skill.yaml")
    check = "def short(inputs, output):\n    return len(output['summary']) < 100\n"
    return {
        **summarize(evals),
        "skills/summarize/cases.jsonl": cases,
        "skills/summarize/checks.py": check,
    }


def refund() -> dict[str, str]:
    """An agent with a tool that a person has to agree to."""
    document = """\
entrypoint: prompt.md
network: none
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {title: {type: string}, summary: {type: text}}}
tools:
  - name: refund
    description: Gives the money back.
    entrypoint: tools.py:refund
    confirm: true
    input_schema: {type: object, properties: {order: {type: string}}}
    output_schema: {type: object, properties: {ok: {type: boolean}}}
"""
    return {
        "skills/refund/skill.yaml": document,
        "skills/refund/prompt.md": "Give the money back.",
        "skills/refund/tools.py": "def refund(order):\n    return {'ok': True}\n",
    }


def asked_about(reader: Reader) -> str:
    """The id of an approval that a job waits for."""
    job_id = reader.client.submit("refund", {})["id"]
    for event in reader.client.stream(job_id):
        if event["type"] == "waiting":
            break
    (asked,) = reader.asks("/v1/approvals", job_id=job_id)
    return str(asked["id"])
