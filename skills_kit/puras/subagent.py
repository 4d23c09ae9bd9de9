"""Calling other skills from a skill that runs: `subagent.run("translate", {"text": "owl"})` gives its result.

Each call is a job of its own, which is paid from what is reserved for the one that makes it. A call that a later
attempt at the same job makes again joins the job of the first.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final

from puras import _http

__all__ = ["SubagentRunError", "describe", "run"]

_ASK_S: Final = 45.0
"""As long as one request waits; then it is asked again."""
_ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})
_sent: dict[str, int] = {}
_sending = Lock()


class SubagentRunError(RuntimeError):
    """The skill could not be called, or gave no result."""

    def __init__(self, job_id: str | None, status: str, message: str) -> None:
        super().__init__(message)
        self.job_id = job_id
        """None: it was not called at all."""
        self.status = status
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the error with its fields, for process pools."""
        return type(self), (self.job_id, self.status, self.message)


def run(
    target: str | None = None,
    inputs: Mapping[str, object] | None = None,
    *,
    prompt: str | None = None,
    version: int | None = None,
    timeout: float = 600.0,
) -> Any:
    """What the target returns, or the agent that does what a prompt says.

    A target is `skill` or `skillpack/skill`, of this skill's own deployment where that has it, or a text of the skill's
    folder, `references/check.md`, which an agent follows. While the instance does not answer, the call is sent again
    for up to two minutes.

    Raises:
        SubagentRunError: it cannot be called so, did not succeed, or did not end in time.
    """
    if (target is None) == (prompt is None):
        raise SubagentRunError(None, "refused", "Give either a target or a prompt.")
    called = "The prompt" if target is None else f"The skill {target!r}"
    body: dict[str, Any] = {"target": target, "inputs": dict(inputs or {}), "version": version}
    if prompt is not None:
        body["prompt"] = prompt
    try:
        key = _key(json.dumps(body, sort_keys=True))
    except (TypeError, ValueError):
        raise SubagentRunError(
            None, "refused", "An input is not JSON: give text, numbers, lists and objects."
        ) from None
    deadline = time.monotonic() + timeout
    while True:
        left_s = max(0.0, deadline - time.monotonic())
        answer = _ask({**body, "key": key, "timeout": min(left_s, _ASK_S)})
        job_id, status = str(answer["job_id"]), str(answer["status"])
        if status == "succeeded":
            return answer["result"]
        if status in _ENDS:
            told = f"{called} {status} ({answer['error_code']}): {answer['error']}"
            raise SubagentRunError(job_id, status, told)
        if time.monotonic() >= deadline:
            raise SubagentRunError(job_id, status, f"{called} did not end within {timeout:g} s.")


def describe(target: str) -> dict[str, Any]:
    """What a target is for, takes and gives: `{target, summary, input_schema, required, output_schema}`.

    Raises:
        SubagentRunError: there is none such.
    """
    return _post("describe", {"target": target})


def _ask(body: Mapping[str, object]) -> dict[str, Any]:
    return _post("invoke", body)


def _post(route: str, body: Mapping[str, object]) -> dict[str, Any]:
    headers = {"X-Puras-Service-Token": _environment("PURAS_SERVICE_TOKEN")}
    base = _environment("PURAS_API_BASE").rstrip("/")
    try:
        return _http.post_json(
            f"{base}/v1/subagent/{route}", body, headers, within_s=_ASK_S + 15, is_repeatable=True
        )
    except _http.HttpError as error:
        raise SubagentRunError(None, "refused", str(error)) from error


def _key(text: str) -> str:
    """The same for the same call of the same job, the second of the same kind another."""
    mark = hashlib.sha256(f"{os.environ.get('PURAS_IDEMPOTENCY_KEY', '')}\n{text}".encode()).hexdigest()
    with _sending:
        number = _sent[mark] = _sent.get(mark, 0) + 1
    return f"{mark[:40]}-{number}"


def _environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SubagentRunError(None, "refused", f"{name} is not set: only a running job calls other skills.")
    return value
