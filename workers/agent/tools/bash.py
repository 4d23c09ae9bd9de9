"""Implement the tool `bash`: run a command in the agent's sandbox."""

from __future__ import annotations

from typing import Any, Final

from backend.execution.events.types import LogEvent
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import Ran, ToolCall, ToolError, ToolResult, Workspace
from workers.agent.workspace.command_output import TAIL_CHARACTERS
from workers.sandbox.host.shells.commands import MAX_COMMAND_BYTES
from workers.sandbox.host.zygotes.errors import ZygoteLost

DEFAULT_S: Final = 60
MAX_S: Final = 600
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "command": {"type": "string", "minLength": 1, "description": "The command for bash."},
        "timeout": {
            "type": "number",
            "minimum": 1,
            "maximum": MAX_S,
            "default": DEFAULT_S,
            "description": f"Timeout in seconds, 1 to {MAX_S}.",
        },
    },
    "required": ["command"],
    "additionalProperties": False,
}
_ARGUMENTS: Final = Arguments(_SCHEMA)


class Bash:
    """Runs a command and returns its exit code and the end of its output."""

    spec = spec_of(
        "bash",
        "Run a command with bash in the work folder. The drive is ./drive; the skill's own files are in the "
        f"work folder, read-only. You get the exit code and the last {TAIL_CHARACTERS:,} characters of its "
        "output. Each call starts a new shell: variables, `cd` and background processes are lost after the "
        "call, files are kept. There are no secrets and no terminal. If the skill has network access, "
        "programs use the proxy in their environment variables.",
        _SCHEMA,
    )
    is_read_only = False
    is_idempotent = False
    runs_alone = False
    confirm = False

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Run the command.

        Raises:
            ToolError: the arguments are wrong, or the sandbox is unavailable.
        """
        arguments = _ARGUMENTS.of(call)
        command, timeout_s = arguments["command"], float(arguments["timeout"])
        if len(command.encode("utf-8", "replace")) > MAX_COMMAND_BYTES:
            raise ToolError(
                f"The command is longer than {MAX_COMMAND_BYTES:,} bytes. Write it to a file with "
                "file_write, and run the file."
            )
        recorder = workspace.recorder
        try:
            ran = await workspace.bash(
                command,
                timeout_s=timeout_s,
                on_output=lambda stream, text: recorder.record(LogEvent(stream=stream, text=text)),
            )
        except ZygoteLost as error:
            raise ToolError(error.detail) from None
        return ToolResult(
            _printed(ran, timeout_s), ok=ran.exit_code is not None, details={"exit_code": _code(ran)}
        )


def _code(ran: Ran) -> int:
    """Return the exit code as shells report it: 128 plus the number of a signal; -1 if the worker ended the command."""
    if ran.exit_code is None:
        return -1
    return ran.exit_code if ran.exit_code >= 0 else 128 - ran.exit_code


def _printed(ran: Ran, timeout_s: float) -> str:
    note = ""
    if ran.timed_out:
        note = (
            f"\n[timeout: the command ran longer than {timeout_s:g} s and was ended with all processes that "
            f"it had started; reduce its work, or set a longer timeout (at most {MAX_S})]"
        )
    return f"exit={_code(ran)}\n{ran.output}{note}"
