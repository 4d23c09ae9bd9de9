"""Call other skills from a running skill: `subagent.run("translate", {"text": "owl"})` returns the result.

Each call is a subjob, which uses the reservation of its parent job. If a later attempt of the parent repeats the call,
it receives the result of the same subjob.
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
from puras._step_key import current_key
from puras._step_key import headers as step_headers

__all__ = ["SubagentRunError", "describe", "run"]

_ASK_S: Final = 45.0
"""Maximum time that one request waits for the end of the subjob; then the request is repeated."""
_ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})
_sent: dict[str, int] = {}
_sending = Lock()


class SubagentRunError(RuntimeError):
    """The call was rejected, or the subjob has no result."""

    def __init__(self, job_id: str | None, status: str, message: str) -> None:
        super().__init__(message)
        self.job_id = job_id
        """None: no subjob was created."""
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
    """Run a skill, or an agent with a prompt, and return the result.

    A target is `skill` or `skillpack/skill`; a skill of the same deployment has precedence. It can also be a text file
    in the folder of the calling skill, such as `references/check.md`, which becomes the prompt of an agent. While the
    instance does not respond, the call is repeated for up to two minutes.

    Raises:
        SubagentRunError: The call was rejected, or the subjob did not succeed in time.
    """
    if (target is None) == (prompt is None):
        raise SubagentRunError(None, "refused", "Pass either a target or a prompt.")
    called = "The prompt" if target is None else f"The skill {target!r}"
    body: dict[str, Any] = {"target": target, "inputs": dict(inputs or {}), "version": version}
    if prompt is not None:
        body["prompt"] = prompt
    try:
        key = _key(json.dumps(body, sort_keys=True))
    except (TypeError, ValueError):
        raise SubagentRunError(
            None, "refused", "An input is not JSON. Use only strings, numbers, lists and objects."
        ) from None
    deadline = time.monotonic() + timeout
    while True:
        left_s = max(0.0, deadline - time.monotonic())
        response = _ask({**body, "key": key, "timeout": min(left_s, _ASK_S)})
        job_id, status = str(response["job_id"]), str(response["status"])
        if status == "succeeded":
            return response["result"]
        if status in _ENDS:
            reason = f"{called} {status} ({response['error_code']}): {response['error']}"
            raise SubagentRunError(job_id, status, reason)
        if time.monotonic() >= deadline:
            raise SubagentRunError(
                job_id, status, f"{called} has not ended within {timeout:g} s. Pass a longer `timeout`."
            )


def describe(target: str) -> dict[str, Any]:
    """Describe a target: `{target, summary, input_schema, required, output_schema}`.

    Raises:
        SubagentRunError: The target does not exist.
    """
    return _post("describe", {"target": target})


def _ask(body: Mapping[str, object]) -> dict[str, Any]:
    return _post("invoke", body)


def _post(route: str, body: Mapping[str, object]) -> dict[str, Any]:
    headers = {"X-Puras-Service-Token": _environment("PURAS_SERVICE_TOKEN"), **step_headers()}
    base = _environment("PURAS_API_BASE").rstrip("/")
    try:
        return _http.post_json(
            f"{base}/v1/subagent/{route}", body, headers, within_s=_ASK_S + 15, is_repeatable=True
        )
    except _http.HttpError as error:
        raise SubagentRunError(None, "refused", str(error)) from error


def _key(text: str) -> str:
    """Return an idempotency key, which is the same in a later attempt, and another one for a second equal call."""
    own = current_key() or os.environ.get("PURAS_IDEMPOTENCY_KEY", "")
    mark = hashlib.sha256(f"{own}\n{text}".encode()).hexdigest()
    with _sending:
        number = _sent[mark] = _sent.get(mark, 0) + 1
    return f"{mark[:40]}-{number}"


def _environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SubagentRunError(
            None,
            "refused",
            f"{name} is not set, so no other skill can be called. Run the skill as a job: puras run SKILL --local",
        )
    return value
