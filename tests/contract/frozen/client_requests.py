"""Describe which requests each public method of the Python client sends, and what it returns for their responses."""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from puras import AsyncClient, Client, JobError, PurasAPIError
from puras.client import files

from tests.contract.frozen.recorded_instance import ID, KEY, RecordedInstance, example, recorded_instance

Json = Any
Planned = tuple[int, Mapping[str, str], Json]
_JOB: Final[Json] = {"$ref": "#/components/schemas/JobView"}
_TALLY: Final = {"skill": "tally", "inputs": {"upto": 3}}
_SIGNATURE: Final = "0123456789abcdef"
_ERROR: Final = {"error_signature": _SIGNATURE, "state": "resolved"}
_OPTIONS: Final = {
    "version": 2,
    "idempotency_key": "key-1",
    "model": "claude/sonnet",
    "limits": {"steps": 5},
    "priority": 3,
    "lane": "batch",
    "run_at": datetime(2026, 1, 2, tzinfo=UTC),
    "metadata": {"order": 7},
    "source": "test",
}


def _job(**fields: Json) -> Planned:
    return 201, {}, {**example(_JOB), **fields}


def _problem(status: int, code: str, **fields: Json) -> Planned:
    return status, {}, {"detail": f"Details of {code}.", "code": code, **fields}


CALLS: Final[dict[str, tuple[str, tuple[Any, ...], dict[str, Any], list[Planned]]]] = {
    "run": ("run", (), _TALLY, []),
    "run of a prompt": ("run", (), {"prompt": "Say hello."}, [_job(result=None)]),
    "run of a listing": ("run", (), {"listing_id": ID, "inputs": {"upto": 3}}, []),
    "run that takes longer": ("run", (), {**_TALLY, "poll_interval": 0.0}, [_job(status="running")]),
    "run that fails": ("run", (), _TALLY, [_job(status="failed", error="It broke.", error_code="crashed")]),
    "run that does not end": ("run", (), {**_TALLY, "timeout": 0.0}, [_job(status="running")]),
    "run_job": ("run_job", (), {**_TALLY, **_OPTIONS}, []),
    "submit": ("submit", ("tally", {"upto": 3}), {}, []),
    "submit and wait": ("submit", ("tally",), {"wait": True, "timeout": 5.0, **_OPTIONS}, []),
    "submit with a file": ("submit", ("weigh", {"first": b"abc"}), {}, []),
    "get": ("get", (ID,), {}, []),
    "wait": ("wait", (ID,), {"poll_interval": 0.0}, [_job(status="queued")]),
    "events": ("events", (ID,), {"after": 4}, []),
    "stream": ("stream", (ID,), {}, []),
    "stream with deltas": ("stream", (ID,), {"after": 1, "deltas": True}, []),
    "cancel": ("cancel", (ID,), {}, []),
    "estimate": ("estimate", ("tally",), {"version": 2, "environment": "staging"}, []),
    "eval_runs": (
        "eval_runs",
        (ID,),
        {"base": ID, "only": "not_passed", "sort": "score", "max_entries": 5},
        [(200, {}, [{"number": 1}])],
    ),
    "failures": ("failures", (), {"skill": "tally", "version": 2, "environment": "staging", "limit": 5}, []),
    "failure": ("failure", (_SIGNATURE,), {}, [(200, {}, _ERROR)]),
    "resolve_failure": (
        "resolve_failure",
        (_SIGNATURE,),
        {"note": "Fixed", "fixed_in": "next"},
        [(200, {}, _ERROR)],
    ),
    "ignore_failure": (
        "ignore_failure",
        (_SIGNATURE,),
        {"until": "2026-05-01T12:00:00Z", "jobs": 5},
        [(200, {}, _ERROR)],
    ),
    "reopen_failure": ("reopen_failure", (_SIGNATURE,), {}, [(200, {}, _ERROR)]),
    "feedback": ("feedback", (ID,), {"rating": -1, "comment": "No.", "end_user_id": "ada"}, []),
    "approvals": ("approvals", (), {"skill": "tally", "environment": "staging"}, [(200, {}, [{"id": ID}])]),
    "approve": ("approve", (ID,), {"arguments": {"upto": 3}, "form": {"n": 1}, "reason": "Fine."}, []),
    "deny": ("deny", (ID,), {"reason": "No."}, []),
    "prompts": ("prompts", ("tally",), {"skillpack": "mine"}, [(200, {}, {"versions": []})]),
    "prompt": ("prompt", ("tally", 2), {}, [(200, {}, {"number": 2, "text": "Sort it."})]),
    "label_prompt": ("label_prompt", ("tally", "approved", 2), {}, [(200, {}, {"label": "approved"})]),
    "unlabel_prompt": ("unlabel_prompt", ("tally", "approved"), {}, [(204, {}, None)]),
    "comments": ("comments", (ID,), {}, [(200, {}, [{"id": ID, "body": "Look"}])]),
    "comment": ("comment", (ID, "Look"), {"step": "2"}, [(201, {}, {"id": ID})]),
    "activity": (
        "activity",
        (),
        {"category": "jobs", "max_entries": 5},
        [(200, {}, [{"id": 1, "summary": "canceled a job"}])],
    ),
    "model_call": ("model_call", (ID, 2), {}, [(200, {}, {"step": 2})]),
    "steps": ("steps", (ID, "each"), {"status": "failed"}, [(200, {}, [{"name": "each", "item": 0}])]),
    "fork": (
        "fork",
        (ID, "sign"),
        {
            "edits": [{"step": "each", "result": [1]}],
            "inputs": {"upto": 3},
            "keep_elements": True,
            "version": 2,
            "idempotency_key": "key-3",
        },
        [],
    ),
    "send event": ("send_event", ("invoice.paid", {"n": 1}), {"event_id": "e1"}, []),
    "map": ("map", ("tally", [{"upto": 1}, {"upto": 2}]), {"concurrency": 1, "idempotency_key": "all"}, []),
    "map with a budget": ("map", ("tally", [{"upto": 1}]), {"concurrency": 1, "budget_usd": 0.5}, []),
    "upload": ("upload", (b"abc",), {"name": "a b.txt"}, []),
    "upload to a path": ("upload", ("here.txt", "folder/"), {}, []),
    "download": ("download", ("drive/folder/there.txt", "there.txt"), {}, []),
    "request": ("request", ("GET", "/v1/skills"), {"query": {"limit": 5, "all": True, "none": None}}, []),
    "request with a body": (
        "request",
        ("POST", "/v1/skillpacks"),
        {"body": {"slug": "mine", "name": "Mine"}, "idempotency_key": "key-2"},
        [],
    ),
    "request after a busy instance": (
        "request",
        ("GET", "/v1/me"),
        {},
        [(503, {"retry-after": "0"}, {"detail": "Later.", "code": "unavailable"})],
    ),
    **{
        f"request that ends with {status}": (
            "request",
            ("POST", "/v1/jobs"),
            {"body": {}},
            [_problem(status, code)],
        )
        for status, code in {
            401: "not_signed_in",
            402: "wallet_too_small",
            403: "not_allowed",
            404: "job_not_found",
            409: "conflict",
            429: "too_many_requests",
            500: "internal_error",
        }.items()
    },
    "request that is invalid": (
        "request",
        ("POST", "/v1/jobs"),
        {"body": {}},
        [_problem(422, "invalid", errors=[{"path": "inputs.upto", "message": "Not a number.", "line": 3}])],
    ),
}
"""Method, arguments, and the responses before the examples, by the name of the call."""

SYNCHRONOUS_CALLS: Final[dict[str, tuple[str, tuple[Any, ...], dict[str, Any], list[Planned]]]] = {
    "send": ("send", (files.Source.of(b"abc", "abc.txt"),), {}, []),
    "with_files": ("with_files", ({"one": b"abc", "more": [Path("here.txt")], "text": "x"},), {}, []),
    "content": ("content", (f"/v1/deployments/{ID}/bundle",), {}, []),
    "pages": (
        "pages",
        ("/v1/jobs",),
        {"query": {"limit": 1}, "max_entries": 2},
        [(200, {"link": '</v1/jobs?limit=1&cursor=abc>; rel="next"'}, [{"id": "first"}])],
    ),
    "url": ("url", ({"id": ID, "project_id": "p"},), {}, []),
}
"""Calls of methods that only `Client` has."""


def client_requests() -> Json:
    """Return a transcript of every call: its requests in order, and what it returned or raised."""
    return {name: transcript(*call) for name, call in (CALLS | SYNCHRONOUS_CALLS).items()}


def public_methods(kind: type) -> set[str]:
    """Return the names of the public methods of a client."""
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def transcript(method: str, arguments: Any, options: Any, planned: list[Planned]) -> Json:
    """Return the transcript of one call of `Client`."""
    with _prepared(planned) as (instance, url):
        client = Client(KEY, "pack", api_base=url)
        return _described(instance, url, lambda: getattr(client, method)(*arguments, **options))


def asynchronous_transcript(method: str, arguments: Any, options: Any, planned: list[Planned]) -> Json:
    """Return the transcript of one call of `AsyncClient`."""

    async def call(url: str) -> Any:
        async with AsyncClient(KEY, "pack", api_base=url) as client:
            returned = getattr(client, method)(*arguments, **options)
            if isinstance(returned, AsyncIterator):
                return [one async for one in returned]
            return await returned

    with _prepared(planned) as (instance, url):
        return _described(instance, url, lambda: asyncio.run(call(url)))


@contextmanager
def _prepared(planned: list[Planned]) -> Iterator[tuple[RecordedInstance, str]]:
    """Serve an instance, in a folder with one file that calls may send."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder), recorded_instance() as (instance, url):
        Path("here.txt").write_bytes(b"here")
        instance.planned += planned
        yield instance, url


def _described(instance: RecordedInstance, url: str, call: Callable[[], Any]) -> Json:
    try:
        outcome = {"returns": _plain(call(), url)}
    except (PurasAPIError, JobError) as error:
        outcome = {"raises": _error(error)}
    numbered = {f"request {number}": one for number, one in enumerate(instance.requests, 1)}
    return {"number of requests": len(numbered), **numbered, **outcome}


def _error(error: PurasAPIError | JobError) -> Json:
    described = {"type": type(error).__name__, "status": error.status}
    if isinstance(error, JobError):
        return {**described, "error_code": error.error_code, "job_id": error.job_id}
    problems = [one._asdict() for one in error.errors]
    return {**described, "code": error.code, "detail": error.detail, "errors": problems}


def _plain(value: Any, url: str) -> Json:
    """Return what a method returned as JSON, without the port of this run."""
    if isinstance(value, dict):
        return {name: _plain(inner, url) for name, inner in value.items()}
    if hasattr(value, "job") and hasattr(value, "index"):
        error = None if value.error is None else type(value.error).__name__
        return {"index": value.index, "inputs": dict(value.inputs), "result": value.result, "error": error}
    if isinstance(value, Path):
        return {"path": value.name, "content": value.read_text(encoding="utf-8")}
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    if isinstance(value, list | Iterator):
        return {str(number): _plain(one, url) for number, one in enumerate(value)}
    return value.replace(url, "<URL>") if isinstance(value, str) else value
