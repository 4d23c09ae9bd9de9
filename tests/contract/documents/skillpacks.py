"""The skillpacks that the pages mention, and the responses of a language model for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.contract.documents import blocks
from tests.contract.documents.blocks import ROOT
from tests.contract.documents.reader import Reader
from tests.doubles.messages import Answer, calls, says

HEAD: Final = "entrypoint: main.py:run\nnetwork: none\n"
SUMMARIZE_PROMPT: Final = {"skills/summarize/prompt.md": "Sum it up.\n"}
REFUND_PROMPT: Final = {"skills/refund/prompt.md": "Give the money back.\n"}


def reply_to(body: dict[str, Any]) -> Answer:
    """Return the reply of the model: a refund, a verdict, an answer or a summary."""
    offered = {tool["name"] for tool in body.get("tools", [])}
    if "verdict" in offered:
        return says(calls("verdict", score=0.9, reason="So it is."))
    if "Give the money back" in json.dumps(body["system"]) and len(body["messages"]) == 1:
        return says(calls("refund", order="1042"))
    if "urgency" in json.dumps(body.get("tools")):
        return says(calls("set_output", team="shipping", urgency="high", answer="It comes tomorrow."))
    if "opening_hours" in offered:
        return says(calls("set_output", answer="We are closed on Sundays."))
    if "measure" in offered:
        measured = {"keywords": ["owls"], "words": 4, "reading_minutes": 0.1}
        return says(calls("set_output", title="Owls", summary="They hunt at night.", **measured))
    if "Answer the question" in json.dumps(body["system"]):
        return says(calls("set_output", answer="Owls do."))
    if "Rate the text" in json.dumps(body["system"]):
        return says(calls("set_output", score=3))
    return says(calls("set_output", title="Owls", summary="They hunt at night."))


def function(
    name: str,
    main: str,
    *,
    takes: str = "",
    gives: Mapping[str, str] | None = None,
    more: str = "",
) -> dict[str, str]:
    """Return a skillpack with one Python function."""
    inputs: dict[str, object] = {takes: {}} if takes else {}
    outputs = {key: {"type": kind} for key, kind in (gives or {}).items()} or {"title": {}, "days": {}}
    document = f"{HEAD}{more}input_schema: {json.dumps({'type': 'object', 'properties': inputs})}\n"
    document += f"output_schema: {json.dumps({'type': 'object', 'properties': outputs})}\n"
    return {f"skills/{name}/skill.yaml": document, f"skills/{name}/main.py": main}


def of_folder(folder: Path) -> dict[str, str]:
    """Return the skillpack in a folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


def template(name: str) -> dict[str, str]:
    """Return a template, as `puras init` creates it."""
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
"""The skills that the client pages call."""
ANSWER: Final = {
    "skills/answer/skill.yaml": "entrypoint: prompt.md\nnetwork: none\n"
    "input_schema: {type: object, properties: {question: {type: text}}}\n"
    "output_schema: {type: object, properties: {answer: {type: text}}}\n",
    "skills/answer/prompt.md": "Answer the question.\n",
}
"""The agent that the function of the guide on calls of other skills calls."""
SUPPORT: Final = {path.replace("/answer/", "/support/"): text for path, text in ANSWER.items()}
"""The agent that the guide on the SDK of OpenAI calls."""
SHOUT: Final = function(
    "shout", "def run(text):\n    return {'text': text.upper()}\n", takes="text", gives={"text": "string"}
)


def yaml_of(page: str, mark: str) -> str:
    """Return the YAML block that contains this text, without its file name."""
    (code,) = (
        block.code for block in blocks.of_page(page) if block.language == "yaml" and mark in block.code
    )
    return code


def summarize(more: str = "") -> dict[str, str]:
    """Return the agent of the guide on agents, with more keys in its skill.yaml if they are given."""
    document = yaml_of("guides/agents", "# skills/summarize/skill.yaml")
    return {"skills/summarize/skill.yaml": document + more, **SUMMARIZE_PROMPT}


def graded() -> dict[str, str]:
    """Return the same agent with the graders and the cases of the guide on evals."""
    (cases,) = (block.code for block in blocks.of_page("guides/evals") if block.language == "jsonl")
    evals = yaml_of("guides/evals", "# skills/summarize/skill.yaml")
    (check,) = (
        block.code
        for block in blocks.of_page("guides/evals")
        if "checks.py" in block.code and block.language == "python"
    )
    return {
        **summarize(evals),
        "skills/summarize/cases.jsonl": cases,
        "skills/summarize/checks.py": check,
    }


def submit_for_approval(reader: Reader) -> str:
    """Submit a job that waits for an approval, and return the ID of the approval."""
    job_id = reader.client.submit("refund", {})["id"]
    for event in reader.client.stream(job_id):
        if event["type"] == "waiting":
            break
    (approval,) = reader.get("/v1/approvals", job_id=job_id)
    return str(approval["id"])
