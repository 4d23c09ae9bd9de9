"""Publish the skill of a cell: show the changes and their effect on callers, then publish the draft."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from puras.client.errors import PurasAPIError
from puras.notebook.bench import Bench
from puras.notebook.cells import CellSkill
from puras.notebook.errors import CellRefused
from puras.notebook.instance import once
from puras.notebook.tables import show_lines, show_table

__all__ = ["Choices", "Published", "publish"]

_GATE_S: Final = 900.0
_POLL_INTERVAL_S: Final = 1.0
_CONFLICTS: Final = {
    "draft_changed": "{updated_by} changed the draft while you were publishing it.",
    "active_version_changed": "Another version became active while you were publishing: {active_version}.",
}
_TRY_AGAIN: Final = "Nothing was published. Run %skill_publish again to see the present changes."


class Choices(NamedTuple):
    """The options of a publication."""

    notes: str = ""
    breaking: bool = False
    """Publish a version that breaks callers."""
    everything: bool = False
    """Publish the changes of other files of the draft, too."""
    replace: bool = False
    """Overwrite files that another user has changed."""
    activate: bool = True


class Published(NamedTuple):
    """A published version."""

    version: int
    is_active: bool
    gate: str
    """`passed`, `refused` or `gating`; empty without a gate."""

    def __repr__(self) -> str:
        state = "active" if self.is_active else "not active"
        return f"<version {self.version}, {state}{f', gate {self.gate}' if self.gate else ''}>"


def publish(bench: Bench, skill: CellSkill, choices: Choices) -> Published:
    """Publish the skill and wait for its eval gate.

    Raises:
        CellRefused: The draft has problems, breaks callers, or has other changes. The message names the option to use.
        PurasAPIError: The instance rejected the request.
    """
    instance = bench.instance
    bench.put(skill, replace=choices.replace)
    _require_valid(instance.ask("GET", instance.pack("/drafts/check")))
    pending = instance.ask("GET", instance.pack("/drafts/diff"))
    _require_wanted(pending, skill, choices)
    made = _after_gate(bench, _published(bench, skill, choices, pending))
    gate = made.get("gate") or {}
    published = Published(int(made["version"]), bool(made["is_active"]), str(gate.get("state", "")))
    title = f"{skill.name} is version {published.version} of {made['skillpack']}"
    if gate.get("state") == "refused":
        title += f", which is not active: {gate.get('reason')}"
    elif not published.is_active:
        title += ", which is not active"
    show_lines(title, example_calls(bench, skill, published.version))
    return published


def example_calls(bench: Bench, skill: CellSkill, version: int) -> list[str]:
    """Return example calls with curl, Python and MCP. They read the key from the environment."""
    instance = bench.instance
    inputs = next(iter(skill.examples), None) or dict.fromkeys(
        skill.settings["input_schema"].get("properties") or {}, "…"
    )
    body = json.dumps({"skill": skill.name, "inputs": inputs}, ensure_ascii=False)
    quoted = body.replace("'", "'\\''")
    pack = instance.skillpack
    within = f"&skillpack={pack}" if pack else ""
    client = f"api_base={instance.base!r}" + (f", skillpack={pack!r}" if pack else "")
    server = {
        "mcpServers": {"puras": {"url": f"{instance.base}/mcp", "headers": {"Authorization": "Bearer …"}}}
    }
    return [
        f"curl -s '{instance.base}/v1/jobs?wait=true&version={version}{within}' "
        f"-H \"Authorization: Bearer $PURAS_API_KEY\" -H 'Content-Type: application/json' -d '{quoted}'",
        f"from puras import Client\nClient({client}).run({skill.name!r}, {inputs!r}, version={version})",
        json.dumps(server, ensure_ascii=False),
    ]


def _require_valid(checked: Mapping[str, Any]) -> None:
    problems = [f"{_place(one)}: {one['message']}" for one in checked["problems"]]
    if problems:
        raise CellRefused("The draft has problems. Fix them to publish it:\n" + "\n".join(problems))
    if checked["warnings"]:
        rows = [(_place(one), one["message"]) for one in checked["warnings"]]
        show_table("Warnings", ("Location", "Problem"), rows)


def _require_wanted(pending: Mapping[str, Any], skill: CellSkill, choices: Choices) -> None:
    """Show the changes, and require the options that the user needs to publish them."""
    files = [(one["change"], one["path"], _sizes(one)) for one in pending["files"]]
    show_table(
        "Changed files compared with the active version",
        ("Change", "File", "Bytes"),
        files,
        " ".join(filter(None, ("" if files else "No file has changed.", _left_out(pending)))),
    )
    changes = [
        ("breaks callers" if one["is_breaking"] else "", one["path"], one["message"])
        for one in pending["skills"]
    ]
    if changes:
        show_table("Changes for callers", ("Effect", "Location", "Change"), changes)
    if not files:
        raise CellRefused("There is nothing to publish: the active version has the same files.")
    others = [path for _, path, _ in files if not path.startswith(f"skills/{skill.name}/")]
    if others and not choices.everything:
        raise CellRefused(
            f"The draft also has changes outside of this skill: {', '.join(others[:5])}. Compare them in the studio, "
            "and publish them, too, with --all."
        )
    if any(one["is_breaking"] for one in pending["skills"]) and not choices.breaking:
        raise CellRefused(
            "This version breaks callers of the skill (see above). Fix it, or publish it with --breaking."
        )


def _left_out(pending: Mapping[str, Any]) -> str:
    notebooks = pending.get("excluded_files") or ()
    return (
        f"Not published: {', '.join(notebooks)}. No file of a skill contains their names."
        if notebooks
        else ""
    )


def _published(
    bench: Bench, skill: CellSkill, choices: Choices, pending: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Publish the files that were shown, if neither the draft nor the active version has changed since then."""
    instance = bench.instance
    body = {
        "notes": _notes(bench, skill, choices),
        "activate": choices.activate,
        "revision": pending["revision"],
        "active_version": pending["base_version"] or 0,
    }
    try:
        made: Mapping[str, Any] = instance.ask("POST", instance.pack("/drafts/publish"), body, headers=once())
    except PurasAPIError as error:
        if error.code not in _CONFLICTS:
            raise
        raise CellRefused(f"{_CONFLICTS[error.code].format(**error.fields)} {_TRY_AGAIN}") from None
    return made


def _after_gate(bench: Bench, made: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the version after the end of its eval suites."""
    instance = bench.instance
    deadline = time.monotonic() + _GATE_S
    while (made.get("gate") or {}).get("state") == "gating" and time.monotonic() < deadline:
        time.sleep(_POLL_INTERVAL_S)
        made = instance.ask("GET", instance.pack(f"/deployments/{made['version']}"))
    return made


def _notes(bench: Bench, skill: CellSkill, choices: Choices) -> str:
    source = bench.provenance(skill)
    where = f"From {source.get('notebook', 'a notebook')}, cell {source['cell_sha256'][:12]}"
    return f"{choices.notes}\n\n{where}".strip()


def _sizes(change: Mapping[str, Any]) -> str:
    before, after = change.get("base_bytes"), change.get("head_bytes")
    return f"{'' if before is None else before} → {'' if after is None else after}"


def _place(problem: Mapping[str, Any]) -> str:
    return f"{problem['path']}:{problem['line']}" if problem.get("line") else str(problem["path"])
