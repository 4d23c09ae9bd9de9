"""What goes wrong, in sentences that an agent can act on.

ToolError (mcp)
└── Refused              the instance said no, or could not be asked
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mcp.server.mcpserver.exceptions import ToolError

_NEXT: Final = {
    "not_signed_in": "Call `configure` with the address and a key, or set PURAS_API_BASE and PURAS_API_KEY.",
    "invalid_api_key": "The key was revoked, has expired or is of another instance. The studio makes new ones.",
    "skill_not_found": "`list_skills` names the skills of the active deployments.",
    "job_not_found": "`list_jobs` names the latest jobs.",
    "deployment_not_found": "`list_deployments` names the versions.",
    "nothing_active": "`push` a folder with skills first, or `activate_deployment` one of `list_deployments`.",
    "deployment_active": "Activate another version first with `activate_deployment`.",
    "wallet_empty": "Ask the operator to top the wallet up; `get_balance` shows it.",
    "drive_file_not_found": "`drive_list` names the files.",
    "drive_file_replaced": "Run the job again, or use a key with the scope `drive:read`.",
    "secret_not_found": "`list_secrets` names the secrets.",
    "approval_not_found": "`get_job` lists the calls that a job waits for.",
}
"""What to do next, by the code of the instance's error, where its own sentence cannot know of our tools."""


class Refused(ToolError):
    """The instance refused, or did not answer; `status` is 0 when it did not."""

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def refusal(status: int, answer: object) -> Refused:
    """The instance's own sentence, every problem that it lists, and which tool helps."""
    told: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    code = str(told.get("code", ""))
    lines = [str(told.get("detail") or f"The instance answered {status}.")]
    lines += [_problem(one) for one in told.get("errors", ()) if isinstance(one, dict)]
    if code in _NEXT:
        lines.append(_NEXT[code])
    return Refused("\n".join(lines), status=status, code=code)


def _problem(problem: Mapping[str, Any]) -> str:
    place = ":".join(str(problem[key]) for key in ("path", "line") if problem.get(key))
    return f"- {place}: {problem.get('message', '')}" if place else f"- {problem.get('message', '')}"
