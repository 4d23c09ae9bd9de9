"""Errors of tools, with messages that name the next step for an agent.

ToolError (mcp)
└── CallRejected         the call is invalid, or the instance rejected it or did not respond
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mcp.server.mcpserver.exceptions import ToolError

_NEXT: Final = {
    "not_signed_in": "Run `puras login`, call `configure` with the URL and an API key, or set PURAS_API_BASE and "
    "PURAS_API_KEY.",
    "invalid_api_key": "The key was revoked, has expired or is of another instance. Create a new one in the studio.",
    "skill_not_found": "List the skills of the active versions with `list_skills`.",
    "job_not_found": "List the jobs with `list_jobs`.",
    "session_not_found": "List the sessions with `list_sessions`.",
    "deployment_not_found": "List the versions with `list_deployments`.",
    "nothing_active": "Call `push` with a folder of skills, or `activate_deployment` with one of `list_deployments`.",
    "deployment_active": "Activate another version first with `activate_deployment`.",
    "wallet_empty": "Ask the operator to add credit to the wallet. `get_balance` shows the balance.",
    "drive_file_not_found": "List the files with `drive_list`.",
    "drive_file_replaced": "Run the job again, or use a key with the scope `drive:read`.",
    "secret_not_found": "List the secrets with `list_secrets`.",
    "approval_not_found": "`get_job` lists the pending approvals of a job.",
}
"""The next step by error code, since the messages of the instance do not mention the tools."""


class CallRejected(ToolError):
    """The call is invalid, or the instance rejected it or did not respond. `status` is 0 without a response."""

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def rejection(status: int, response: object) -> CallRejected:
    """Return the error of a response, with its message, all its problems, and the next step."""
    body: Mapping[str, Any] = response if isinstance(response, dict) else {}
    code = str(body.get("code", ""))
    lines = [str(body.get("detail") or f"The instance responded with status {status}.")]
    lines += [_problem(one) for one in body.get("errors", ()) if isinstance(one, dict)]
    if code in _NEXT:
        lines.append(_NEXT[code])
    return CallRejected("\n".join(lines), status=status, code=code)


def _problem(problem: Mapping[str, Any]) -> str:
    place = ":".join(str(problem[key]) for key in ("path", "line") if problem.get(key))
    return f"- {place}: {problem.get('message', '')}" if place else f"- {problem.get('message', '')}"
