"""From a cell to a version: what changes and whom it breaks is shown, then the working copy is published."""

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
_LOOK_EVERY_S: Final = 1.0
_OVERTAKEN: Final = {
    "draft_changed": "{updated_by} changed the working copy while you were publishing it.",
    "active_version_changed": "While you were publishing, another version became the active one: {active_version}.",
}
_AGAIN: Final = "Nothing was published. Run %skill_publish again: it shows what changes now."


class Choices(NamedTuple):
    """What the person has said to the publish."""

    notes: str = ""
    breaking: bool = False
    """Callers may break."""
    everything: bool = False
    """Changes of other files of the working copy go along."""
    replace: bool = False
    """Files that somebody else has changed are written over."""
    activate: bool = True


class Published(NamedTuple):
    """A version that was made."""

    version: int
    is_active: bool
    gate: str
    """`passed`, `refused`, `gating`, or nothing where there is none."""

    def __repr__(self) -> str:
        state = "active" if self.is_active else "not active"
        return f"<version {self.version}, {state}{f', gate {self.gate}' if self.gate else ''}>"


def publish(bench: Bench, skill: CellSkill, choices: Choices) -> Published:
    """Publish the skill and wait for its gate.

    Raises:
        CellRefused: the working copy has problems, breaks callers, or holds changes of others; says which choice helps.
        PurasAPIError: the instance refuses.
    """
    instance = bench.instance
    bench.put(skill, replace=choices.replace)
    _require_sound(instance.ask("GET", instance.pack("/drafts/check")))
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
    show_lines(title, ways_in(bench, skill, published.version))
    return published


def ways_in(bench: Bench, skill: CellSkill, version: int) -> list[str]:
    """How others call it: with curl, from Python, over MCP; the key stays in the environment."""
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


def _require_sound(checked: Mapping[str, Any]) -> None:
    problems = [f"{_place(one)}: {one['message']}" for one in checked["problems"]]
    if problems:
        raise CellRefused("The working copy cannot be published:\n" + "\n".join(problems))
    if checked["warnings"]:
        rows = [(_place(one), one["message"]) for one in checked["warnings"]]
        show_table("Warnings", ("where", "what"), rows)


def _require_wanted(pending: Mapping[str, Any], skill: CellSkill, choices: Choices) -> None:
    """Show what would change; go on only with what the person has agreed to."""
    files = [(one["change"], one["path"], _grown(one)) for one in pending["files"]]
    show_table(
        "Files over the active version",
        ("change", "file", "bytes"),
        files,
        " ".join(filter(None, ("" if files else "Nothing changes.", _left_out(pending)))),
    )
    changes = [
        ("breaks callers" if one["is_breaking"] else "", one["path"], one["message"])
        for one in pending["skills"]
    ]
    if changes:
        show_table("For callers", ("", "where", "what"), changes)
    if not files:
        raise CellRefused("There is nothing to publish: the active version has these very files.")
    others = [path for _, path, _ in files if not path.startswith(f"skills/{skill.name}/")]
    if others and not choices.everything:
        raise CellRefused(
            f"The working copy has more changes than this skill's ({', '.join(others[:5])}), and all of them would be "
            "published. Look at them in the studio; --all publishes them, too."
        )
    if any(one["is_breaking"] for one in pending["skills"]) and not choices.breaking:
        raise CellRefused(
            "This breaks who calls the skill now (see above). Mend it, or publish with --breaking."
        )


def _left_out(pending: Mapping[str, Any]) -> str:
    notebooks = pending.get("left_out") or ()
    return f"Not published: {', '.join(notebooks)}. No file of a skill names them." if notebooks else ""


def _published(
    bench: Bench, skill: CellSkill, choices: Choices, pending: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The new version, of the very files that were shown, over the very version that they were compared with."""
    instance = bench.instance
    body = {
        "notes": _notes(bench, skill, choices),
        "activate": choices.activate,
        "revision": pending["revision"],
        "active_version": pending["base_version"] or 0,
    }
    try:
        made: Mapping[str, Any] = instance.ask("POST", instance.pack("/drafts/publish"), body, headers=once())
    except PurasAPIError as refusal:
        if refusal.code not in _OVERTAKEN:
            raise
        raise CellRefused(f"{_OVERTAKEN[refusal.code].format(**refusal.facts)} {_AGAIN}") from None
    return made


def _after_gate(bench: Bench, made: Mapping[str, Any]) -> Mapping[str, Any]:
    """The version once its suites have ended."""
    instance = bench.instance
    deadline = time.monotonic() + _GATE_S
    while (made.get("gate") or {}).get("state") == "gating" and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
        made = instance.ask("GET", instance.pack(f"/deployments/{made['version']}"))
    return made


def _notes(bench: Bench, skill: CellSkill, choices: Choices) -> str:
    come_from = bench.provenance(skill)
    where = f"From {come_from.get('notebook', 'a notebook')}, cell {come_from['cell_sha256'][:12]}"
    return f"{choices.notes}\n\n{where}".strip()


def _grown(change: Mapping[str, Any]) -> str:
    before, after = change.get("base_bytes"), change.get("head_bytes")
    return f"{'' if before is None else before} → {'' if after is None else after}"


def _place(problem: Mapping[str, Any]) -> str:
    return f"{problem['path']}:{problem['line']}" if problem.get("line") else str(problem["path"])
