"""Implement the tool `python`.

It runs cells in a Jupyter kernel in the agent's sandbox, which keeps its state between calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from backend.core.extras import ExtraMissing
from backend.execution.events.types import LogEvent
from backend.skills.manifest.effects import NONE, Effect, Effects
from backend.skills.manifest.types import Skill
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import RanCell, ToolCall, ToolError, ToolResult, Workspace
from workers.agent.workspace.command_output import TAIL_CHARACTERS
from workers.agent.workspace.kernel import folder_of
from workers.sandbox.host.zygotes.errors import ZygoteLost

NAME: Final = "python"
DEFAULT_S: Final = 120
MAX_S: Final = 900
MAX_CODE_CHARACTERS: Final = 100_000
_MAX_CELL_CHARACTERS: Final = 1_000
_MAX_LISTED_CHARACTERS: Final = 8_000
_FILE: Final = re.compile(r"[0-9a-f]{1,16}-\d{1,6}-\d{1,3}\.(png|jpg|gif|svg|pdf|html)")
_KINDS: Final = {"png": "image", "jpg": "image", "gif": "image", "svg": "image"}
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "code": {
            "type": "string",
            "minLength": 1,
            "description": "A cell of Python.",
            "examples": ["2 + 2"],
        },
        "timeout": {
            "type": "number",
            "minimum": 1,
            "maximum": MAX_S,
            "default": DEFAULT_S,
            "description": f"Timeout in seconds, 1 to {MAX_S}.",
        },
    },
    "required": ["code"],
    "additionalProperties": False,
}
_ARGUMENTS: Final = Arguments(_SCHEMA)
_ENDS: Final = {
    "interrupted": "it ran longer than {timeout:g} s and was interrupted; variables are kept",
    "killed": "it ran longer than {timeout:g} s and did not stop when it was interrupted: the kernel was ended, "
    "and its variables are lost",
    "died": "the kernel ended{reason}: its variables are lost",
    "broken": "the kernel failed{reason}: its variables are lost",
}


Earlier = Callable[[], Sequence[Mapping[str, Any]]]
"""Returns the arguments of the calls of earlier attempts."""


def kernel_tools(skill: Skill, earlier: Earlier, confirmed: Effects = NONE) -> list[PythonKernel]:
    """Return the tool of a skill that lists it; it needs an approval if any calling agent confirms it."""
    is_confirmed = Effect("builtin", NAME) in confirmed
    return [
        PythonKernel(tool.confirm or is_confirmed, earlier) for tool in skill.tools if tool.builtin == NAME
    ]


class PythonKernel:
    """Runs cells, and informs the model when the state of the kernel was lost."""

    spec = spec_of(
        NAME,
        "Run Python in a persistent kernel: later calls can use the variables and imports of earlier ones. "
        "It starts in the work folder; the drive is ./drive. You get the printed text and the value of the "
        f"last line, up to the last {TAIL_CHARACTERS:,} characters, and the paths of files with the "
        "displayed images and HTML. There are no secrets. The packages of the skill are installed.",
        _SCHEMA,
    )
    is_read_only = False
    is_idempotent = False
    runs_alone = True

    def __init__(self, confirm: bool, earlier: Earlier) -> None:
        self.confirm = confirm
        self._earlier = earlier
        self._cells: list[str] | None = None
        """The cells that the lost kernel or this one has run."""

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Run the cell.

        Raises:
            ToolError: the arguments are wrong, or the kernel could not be started.
        """
        arguments = _ARGUMENTS.of(call)
        code, timeout_s = arguments["code"], float(arguments["timeout"])
        if len(code) > MAX_CODE_CHARACTERS:
            raise ToolError(
                f"The cell is longer than {MAX_CODE_CHARACTERS:,} characters. Write the code to a file and "
                "import it."
            )
        if self._cells is None:
            self._cells = [str(one.get("code", "")) for one in self._earlier()]
        note = "" if workspace.has_kernel or not self._cells else _lost_state_note(self._cells)
        if note:
            self._cells = []
        recorder = workspace.recorder
        try:
            ran = await workspace.python(
                code,
                timeout_s=timeout_s,
                on_output=lambda stream, text: recorder.record(LogEvent(stream=stream, text=text)),
            )
        except (ZygoteLost, ExtraMissing) as error:
            raise ToolError(error.detail) from None
        self._cells.append(code)
        return _result(ran, note, timeout_s, str(workspace.assignment.job_id))


def _result(ran: RanCell, note: str, timeout_s: float, job_id: str) -> ToolResult:
    lines = [note] if note else []
    if ran.output.strip():
        lines.append(ran.output.rstrip())
    # The names come from the sandbox: only names of the expected form are used.
    paths = [f"{folder_of(job_id)}/{name}" for name in ran.files if _FILE.fullmatch(name)]
    lines += [f"[stored as drive/{path}]" for path in paths]
    if ran.end in _ENDS:
        reason = f" ({ran.reason})" if ran.reason else ""
        lines.append(f"[{_ENDS[ran.end].format(timeout=timeout_s, reason=reason)}]")
    media = [{"drive_path": path, "kind": _KINDS.get(path.rpartition(".")[2], "file")} for path in paths]
    content = "\n".join(lines) or "(it printed nothing)"
    return ToolResult(
        content, ok=ran.end == "ok", details={"end": ran.end, **({"media": media} if media else {})}
    )


def _lost_state_note(cells: Sequence[str]) -> str:
    """Return the note for the model about a lost kernel."""
    parts, remaining = [], _MAX_LISTED_CHARACTERS
    for number, cell in reversed(list(enumerate(cells, start=1))):
        text = cell if len(cell) <= _MAX_CELL_CHARACTERS else f"{cell[:_MAX_CELL_CHARACTERS]}\n# … (cut)"
        if len(text) > remaining:
            parts.append(f"({number} earlier cells are omitted)")
            break
        remaining -= len(text)
        parts.append(f"# cell {number}\n{text}")
    listed = "\n\n".join(reversed(parts))
    return (
        "[The kernel was replaced: the variables and imports of the earlier one are lost, files in the "
        f"drive are not. Your call was run in the new kernel. Run the cells again that you need:\n{listed}\n"
        "]"
    )
