"""A job as a notebook: what it was given, what it did step by step, and cells that go on from any of the steps."""

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
    """Write the job as a notebook that is not there yet.

    Raises:
        CellRefused: there is a file already, or the job still runs.
        PurasAPIError: the job is not there.
    """
    job = instance.ask("GET", f"/v1/jobs/{job_id}")
    if job["status"] not in _ENDS:
        raise CellRefused(
            f"The job is {job['status']}: follow it with puras.attach({job_id!r}), and open it afterwards."
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
        raise CellRefused(f"{path} is there already: name another file.") from None
    return path


def notebook_of(job: Mapping[str, Any], events: list[Event]) -> dict[str, Any]:
    """The notebook, in the format of Jupyter."""
    return whole([*_beginning(job), *_steps(events), *_going_on(job)], job=job["id"])


def whole(cells: list[Cell], **about: str) -> dict[str, Any]:
    """A notebook of these cells; `about` says where it comes from."""
    return {
        "cells": [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "puras": about},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _beginning(job: Mapping[str, Any]) -> Iterator[Cell]:
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
    """Each reply of the model as text, each call as its arguments and what it gave."""
    calls: dict[str, Any] = {}
    for event in events:
        payload = event.payload
        if event.type == "model_response":
            blocks = payload.get("blocks") or []
            words = "\n\n".join(str(one["text"]) for one in blocks if one.get("type") == "text")
            yield text_cell(f"## Step {payload.get('step')}\n\n{_fenced(words) if words else '(calls only)'}")
        elif event.type == "tool_use":
            calls[payload["tool_use_id"]] = payload.get("input")
        elif event.type == "tool_result":
            use_id = payload["tool_use_id"]
            yield code_cell(
                f"# {payload['tool']}, step {payload['step']}\n"
                f"arguments = {calls.get(use_id)!r}\n"
                f"result = {payload.get('preview')!r}  # the beginning of it"
            )


def _going_on(job: Mapping[str, Any]) -> Iterator[Cell]:
    yield text_cell("## Go on")
    if job["type"] == "agentic":
        yield code_cell(
            "# A new job that stands where this one stood behind a step, with what you change:\n"
            '# run.fork(step=1, edits=[{"tool_use_id": "…", "content": "…"}])'
        )
    yield code_cell(
        "# The same skill on the same inputs again, on the version that is active now:\n# run.replay()"
    )
    yield code_cell("# What came out becomes what is expected from now on:\n# run.keep_as_case()")


def _fenced(text: str) -> str:
    """Words of a model as text: they are no markup of this notebook."""
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
    """Markdown."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code_cell(source: str) -> Cell:
    """Python that has not run."""
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
