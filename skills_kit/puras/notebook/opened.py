"""Write a job as a notebook, with its inputs, its steps, and cells that continue from any of the steps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from puras.notebook.errors import CellRefused
from puras.notebook.instance import Event, Instance

__all__ = ["code_cell", "notebook_of", "open_job", "text_cell", "whole"]

_MAX_CHARACTERS: Final = 20_000
_ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})

Cell = dict[str, Any]


def open_job(instance: Instance, job_id: str, path: Path) -> Path:
    """Write the job as a new notebook.

    Raises:
        CellRefused: The file exists already, or the job has not ended.
        PurasAPIError: The job does not exist.
    """
    job = instance.ask("GET", f"/v1/jobs/{job_id}")
    if job["status"] not in _ENDS:
        raise CellRefused(
            f"The job is {job['status']}. Follow it with puras.attach({job_id!r}), and open it after its end."
        )
    events = [
        Event(one["id"], one["type"], one["payload"])
        for one in instance.ask("GET", f"/v1/jobs/{job_id}/events", query={"limit": 10_000})
    ]
    text = json.dumps(notebook_of(job, events), indent=1, ensure_ascii=False)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise CellRefused(f"{path} already exists. Use another path: %skill_open {job_id} PATH") from None
    return path


def notebook_of(job: Mapping[str, Any], events: list[Event]) -> dict[str, Any]:
    """Return the notebook in the format of Jupyter."""
    return whole([*_head(job), *_steps(events), *_continuation(job)], job=job["id"])


def whole(cells: list[Cell], **about: str) -> dict[str, Any]:
    """Return a notebook with these cells; `about` becomes its metadata."""
    return {
        "cells": [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "puras": about},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _head(job: Mapping[str, Any]) -> Iterator[Cell]:
    version = job["deployment_version"]
    of = f", version {version}" if version is not None else ""
    yield text_cell(
        f"# {job['skill_name']}{of}: {job['status']}\n\n"
        f"Job `{job['id']}`, submitted {job['created_at'][:16].replace('T', ' ')} UTC, cost ${job['cost_usd']:.6f}."
    )
    yield code_cell("%load_ext puras")
    yield code_cell(f"run = puras.attach({job['id']!r})")
    yield code_cell(f"inputs = {job['inputs']!r}")


def _steps(events: list[Event]) -> Iterator[Cell]:
    """Yield each reply of the model as text, and each call with its arguments and its result."""
    calls: dict[str, Any] = {}
    for event in events:
        payload = event.payload
        if event.type == "model_response":
            blocks = payload.get("blocks") or []
            text = "\n\n".join(str(one["text"]) for one in blocks if one.get("type") == "text")
            yield text_cell(f"## Step {payload.get('step')}\n\n{_fenced(text) if text else '(calls only)'}")
        elif event.type == "tool_use":
            calls[payload["tool_use_id"]] = payload.get("input")
        elif event.type == "tool_result":
            use_id = payload["tool_use_id"]
            yield code_cell(
                f"# {payload['tool']}, step {payload['step']}\n"
                f"arguments = {calls.get(use_id)!r}\n"
                f"result = {payload.get('preview')!r}  # the start of the result"
            )


def _continuation(job: Mapping[str, Any]) -> Iterator[Cell]:
    yield text_cell("## Continue")
    if job["type"] == "agentic":
        yield code_cell(
            "# Continue in a new job after a step, with your changes:\n"
            '# run.fork(step=1, edits=[{"tool_use_id": "…", "content": "…"}])'
        )
    yield code_cell("# Run the active version with the same inputs:\n# run.replay()")
    yield code_cell("# Save the result as the expected result of an eval case:\n# run.save_as_case()")


def _fenced(text: str) -> str:
    """Return text of a model in a code fence, so that it is not rendered as Markdown."""
    fence = "`" * (max((len(run) for run in _backticks(text)), default=0) + 3)
    return f"{fence}text\n{text[:_MAX_CHARACTERS]}\n{fence}"


def _backticks(text: str) -> Iterator[str]:
    run = ""
    for character in f"{text} ":
        if character == "`":
            run += character
        elif run:
            yield run
            run = ""


def text_cell(source: str) -> Cell:
    """Return a Markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code_cell(source: str) -> Cell:
    """Return a code cell without outputs."""
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
