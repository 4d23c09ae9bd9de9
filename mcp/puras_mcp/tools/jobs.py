"""Define the tools for running skills: submit, read, list, cancel, replay, fork, decide."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from puras_mcp.api import Api, segment
from puras_mcp.cutting import fit, part
from puras_mcp.offer import READ, REMOVE, RUN, SET, Offer
from puras_mcp.paging import by_cursor
from puras_mcp.shapes import (
    Approval,
    Failure,
    Failures,
    Job,
    JobDetail,
    Jobs,
    ModelCall,
    SentEvent,
    Span,
    Spans,
    Step,
    Steps,
)
from puras_mcp.tools.about import Cursor, JobId, Limit, SkillName, Skillpack, Version
from puras_mcp.world import Call, api_of

MAX_WAIT_S = 55
"""Maximum wait of a request to the instance; most clients abort a call after 60 s."""
MAX_SPANS = 50
MAX_MESSAGES = 10
_ENDED = frozenset({"succeeded", "failed", "cancelled"})

Wait = Annotated[bool, Field(description="Wait for the result, up to `timeout` seconds.")]
Timeout = Annotated[int, Field(description="Maximum seconds to wait.", ge=0, le=MAX_WAIT_S)]
Sort = Literal["created_at", "-created_at", "duration", "-duration", "cost", "-cost", "status", "-status"]
Status = Literal["", "queued", "running", "waiting", "succeeded", "failed", "cancelled"]


async def submit_job(
    call: Call,
    skill: SkillName,
    inputs: Annotated[
        dict[str, Any] | None, Field(description="Inputs that match the `input_schema` of `get_skill`.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 30,
    skillpack: Skillpack = "",
    version: Version = None,
) -> JobDetail:
    """Run a skill as a job. It can cost money and have external effects.

    The call returns the job immediately. With `wait=true`, it returns the job after its end, or its present state after
    `timeout` seconds. The job continues in both cases: follow it with `tail_job`, read it with `get_job`.
    Invalid inputs are rejected with the path of each problem, and nothing runs. If the bundle requires an approval for
    the skill (`confirm: true`), the job is `waiting` until a user decides: show `approvals`, then call `approve`.
    For files, call `drive_upload` first, then pass the path as the input.
    """
    job = await api_of(call).send(
        "POST",
        "/v1/jobs",
        body={"skill": skill, "inputs": inputs or {}, "source": "mcp"},
        query={"wait": wait, "timeout": timeout, "skillpack": skillpack, "version": version},
        creates=True,
    )
    return await detail(api_of(call), job)


async def get_job(
    call: Call,
    job_id: JobId,
    path: Annotated[
        str, Field(description="JSON Pointer of one value, such as /result/text; empty: the whole job.")
    ] = "",
    offset: Annotated[int, Field(description="First character or item, with `path`.", ge=0)] = 0,
) -> JobDetail:
    """Read a job: status, reason for waiting, inputs, result, files, cost, error.

    Long values are shortened and listed in `cuts`. To read the rest, pass such a `path` and `offset`; it is in `part`.
    """
    api = api_of(call)
    job = await api.get(f"/v1/jobs/{segment(job_id)}")
    if not path:
        return await detail(api, job)
    selected = part(
        {"inputs": job["inputs"], "result": job["result"], "outputs": job["outputs"]}, path, offset
    )
    return JobDetail(**job | {"inputs": None, "result": None, "outputs": []}, part=selected)


async def list_jobs(
    call: Call,
    status: Annotated[Status, Field(description="Only jobs with this status; empty: all.")] = "",
    limit: Limit = 25,
    skill: Annotated[str, Field(description="Only jobs of this skill; empty: all.")] = "",
    cursor: Cursor = "",
    sort: Annotated[
        Sort,
        Field(
            description="The order; `-` for descending. By cost or duration, jobs that have not ended are last."
        ),
    ] = "-created_at",
) -> Jobs:
    """List jobs without inputs and results, newest first by default. Use `get_job` to read these."""
    page = await by_cursor(
        api_of(call), "/v1/jobs", Job, limit=limit, status=status, skill=skill, cursor=cursor, sort=sort
    )
    return Jobs(jobs=page.entries, next_cursor=page.next_cursor)


async def list_failures(
    call: Call,
    skill: Annotated[str, Field(description="Only jobs of this skill; empty: all.")] = "",
    days: Annotated[int, Field(description="The period until now in days.", ge=1, le=90)] = 7,
    limit: Annotated[int, Field(description="Maximum number of errors.", ge=1, le=50)] = 20,
    state: Annotated[
        Literal["open", "resolved", "ignored", "all"], Field(description="Only errors in this state.")
    ] = "open",
) -> Failures:
    """Group failed jobs by their error, the most frequent first, each with an example for `get_job`."""
    since = datetime.now(UTC) - timedelta(days=days)
    found = await api_of(call).get(
        "/v1/job-failures", skill=skill, since=since.isoformat(), limit=limit, state=state
    )
    return Failures(**found)


async def set_failure_state(
    call: Call,
    error_signature: Annotated[
        str, Field(description="`error_signature` of the error, from `list_failures` or `get_job`.")
    ],
    state: Annotated[Literal["resolved", "ignored", "open"], Field(description="The new state.")],
    note: Annotated[str, Field(description="A note for the members of the project.", max_length=1000)] = "",
    fixed_in: Annotated[
        Literal["active", "next"],
        Field(
            description="For `resolved`: the first version with the fix, the active one or the one after it. Failures "
            "of earlier versions do not open the error again."
        ),
    ] = "active",
    days: Annotated[
        int | None, Field(description="For `ignored`: the number of days; null: permanently.", ge=1, le=365)
    ] = None,
    jobs: Annotated[
        int | None,
        Field(description="For `ignored`: until this number of further jobs has failed.", ge=1, le=10_000),
    ] = None,
) -> Failure:
    """Resolve, ignore or reopen an error of failed jobs. Only do so if the user has asked for it, or you have fixed it.

    A resolved error is open again, as regressed, when a job that is submitted later fails with it.
    """
    path = f"/v1/job-failures/{segment(error_signature)}"
    if state == "open":
        return Failure(**await api_of(call).send("POST", f"{path}/reopen"))
    if state == "resolved":
        body: dict[str, Any] = {"note": note, "fixed_in": fixed_in}
        return Failure(**await api_of(call).send("POST", f"{path}/resolve", body=body))
    until = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()
    body = {"note": note, "until": until, "jobs": jobs}
    return Failure(**await api_of(call).send("POST", f"{path}/ignore", body=body))


async def cancel_job(call: Call, job_id: JobId) -> JobDetail:
    """Cancel a job that has not ended. It cannot be resumed. Its cost is forgiven up to a daily amount."""
    api = api_of(call)
    return await detail(api, await api.send("POST", f"/v1/jobs/{segment(job_id)}/cancel"))


async def replay_job(
    call: Call, job_id: JobId, version: Version = None, wait: Wait = False, timeout: Timeout = 30
) -> JobDetail:
    """Submit the inputs of a job again as a new job, with the same version or another one.

    After a fix, call `push`, then replay the failed job with the new version.
    """
    api = api_of(call)
    made = await api.send(
        "POST",
        f"/v1/jobs/{segment(job_id)}/replay",
        query={"version": version, "wait": wait, "timeout": timeout},
        creates=True,
    )
    return await detail(api, made)


async def fork_job(
    call: Call,
    job_id: JobId,
    step: Annotated[
        int | str | None,
        Field(
            description="Of a flow: ID of the first step that runs again; null: the first failed one. Of an agent: "
            "number of the last reply to copy. Of a function: number of durable steps to copy."
        ),
    ] = None,
    edits: Annotated[
        list[dict[str, Any]] | None,
        Field(
            description='Changes to copied steps. Flow: {"step": ID, "result": …}. Agent: {"tool_use_id": …, '
            '"content": …}, {"tool_use_id": …, "input": …} or {"step": number, "text": …}.'
        ),
    ] = None,
    inputs: Annotated[dict[str, Any] | None, Field(description="New inputs; null: the same.")] = None,
    keep_elements: Annotated[
        bool, Field(description="For a step with `for_each`: succeeded elements do not run again.")
    ] = False,
    version: Annotated[int | None, Field(description="Version number; null: that of the job.", ge=1)] = None,
) -> JobDetail:
    """Start a new job with the stored steps of a job, which cost nothing, and run only the later ones.

    `get_steps` lists the steps of a flow or a function. If its data change, approvals of a flow are requested again.
    """
    changes = {"step": step, "edits": edits, "inputs": inputs, "version": version}
    body = {name: value for name, value in changes.items() if value is not None}
    made = await api_of(call).send(
        "POST",
        f"/v1/jobs/{segment(job_id)}/fork",
        body={**body, **({"keep_elements": True} if keep_elements else {})},
        creates=True,
    )
    return await detail(api_of(call), made)


async def get_steps(
    call: Call,
    job_id: JobId,
    step: Annotated[
        str,
        Field(description="Only the step with this name; with `for_each`, its elements. Empty: all steps."),
    ] = "",
    status: Annotated[
        Literal["", "pending", "running", "waiting", "succeeded", "failed", "skipped", "cancelled"],
        Field(description="Only steps or elements with this status; empty: all."),
    ] = "",
    limit: Limit = 50,
    cursor: Annotated[str, Field(description="`next_cursor` of the previous response.")] = "",
) -> Steps:
    """Read the steps of a flow with their states, jobs and results, or the durable steps of a function."""
    path = f"/v1/jobs/{segment(job_id)}/steps"
    found = await api_of(call).listed(path, limit=limit, step=step, status=status, cursor=cursor)
    results = fit([one["result"] for one in found.items]).value
    if not isinstance(results, list) or len(results) != len(found.items):
        results = [None] * len(found.items)
    steps = [Step(**{**one, "result": result}) for one, result in zip(found.items, results, strict=True)]
    return Steps(steps=steps, next_cursor=found.next_cursor)


async def get_spans(
    call: Call,
    job_id: JobId,
    offset: Annotated[int, Field(description="`next_offset` of the previous response.", ge=0)] = 0,
) -> Spans:
    """Read the steps of a job as spans: attempts, model calls and tool calls, with duration, tokens and cost.

    Use it to find which steps are slow or expensive.
    """
    found = await api_of(call).get(f"/v1/jobs/{segment(job_id)}/spans")
    page = fit(found[offset : offset + MAX_SPANS], "")
    shown = [Span(**one) for one in page.value if isinstance(one, dict)]
    end = offset + len(shown)
    return Spans(
        spans=shown,
        next_offset=end if end < len(found) else None,
        total=len(found),
        cuts=[cut for cut in page.cuts if cut.path],
    )


async def get_model_call(
    call: Call,
    job_id: JobId,
    step: Annotated[int, Field(description="Number of the reply, from 1: `step` of a model span.", ge=1)],
    before: Annotated[
        int | None,
        Field(
            description="`first_message` of the previous response, for earlier messages; null: the last ones."
        ),
    ] = None,
) -> ModelCall:
    """Read the exact input of a model call (system prompt, tools, messages) and the reply, to find why it went wrong.

    `get_spans` returns the model calls of a job with the numbers of their steps.
    """
    path = f"/v1/jobs/{segment(job_id)}/model-calls/{step}"
    found = await api_of(call).get(path, before=before, limit=MAX_MESSAGES)
    contents = {name: found[name] for name in ("system", "tools", "messages", "reply")}
    fitted = fit(contents, "")
    return ModelCall(
        **{**found, **(fitted.value if isinstance(fitted.value, dict) else {}), "cuts": fitted.cuts}
    )


async def approve(
    call: Call,
    approval_id: Annotated[str, Field(description="ID of the approval, from `approvals` of `get_job`.")],
    decision: Annotated[
        Literal["approve", "deny"], Field(description="The decision of the user: `deny` rejects the call.")
    ] = "approve",
    reason: Annotated[str, Field(description="Reason, which is recorded and sent to the agent.")] = "",
    form: Annotated[
        dict[str, Any] | None,
        Field(
            description="Values that the user has entered for `form_json_schema`, to approve a step of a flow."
        ),
    ] = None,
    arguments: Annotated[
        dict[str, Any] | None,
        Field(
            description="All arguments of the call, valid for `input_schema`, if the user has changed them. Omit them "
            "to approve the call as it is."
        ),
    ] = None,
) -> Approval:
    """Approve or reject a call that an agent's job waits for. Show the user the call first, and follow the decision.

    If approved, the job makes the call with exactly the arguments of `input`, or with `arguments`, which only the user
    may change. If rejected, the job continues without it.
    """
    verb = "approve" if decision == "approve" else "deny"
    given = {"form": form, "arguments": arguments} if decision == "approve" else {}
    values = {name: value for name, value in given.items() if value is not None}
    found = await api_of(call).send(
        "POST", f"/v1/approvals/{segment(approval_id)}/{verb}", body={"reason": reason, **values}
    )
    return Approval(**found)


async def send_event(
    call: Call,
    type: Annotated[str, Field(description="Type of the event, such as `invoice.paid`.", max_length=200)],  # noqa: A002
    data: Annotated[Any, Field(description="JSON data of the event, up to 64 KiB.")] = None,
    id: Annotated[  # noqa: A002
        str,
        Field(description="An ID; a second event with it is not stored. Empty: a new ID.", max_length=200),
    ] = "",
) -> SentEvent:
    """Send an event to the project. Jobs continue that wait for it with `wait_for_event`.

    A job that waits names the type of the event in its `next`.
    """
    body = {"type": type, "data": data, **({"id": id} if id else {})}
    return SentEvent(**await api_of(call).send("POST", "/v1/events", body=body))


async def detail(api: Api, job: dict[str, Any]) -> JobDetail:
    """Return a job for a result: shortened, with the pending approvals and the next step."""
    fitted = fit({"inputs": job["inputs"], "result": job["result"], "outputs": job["outputs"]})
    long = (
        fitted.value
        if isinstance(fitted.value, dict)
        else {"inputs": fitted.value, "result": None, "outputs": []}
    )
    outputs = [one for one in long["outputs"] if isinstance(one, dict)]
    approvals: list[Approval] = []
    if job["status"] == "waiting":
        pending = await api.get("/v1/approvals", status="pending", job_id=job["id"])
        approvals = [Approval(**{**one, "input": fit(one["input"]).value}) for one in pending]
    return JobDetail(
        **{
            **job,
            **long,
            "outputs": outputs,
            "approvals": approvals,
            "cuts": fitted.cuts,
            "next": _next(job, approvals),
        }
    )


def has_ended(job: dict[str, Any]) -> bool:
    """Return whether the job has ended."""
    return job["status"] in _ENDED


def _next(job: dict[str, Any], approvals: Sequence[Approval]) -> str:
    if job["status"] == "waiting" and not approvals:
        return f"The job waits {job['waiting_reason']}. `send_event` sends an event."
    if job["status"] == "waiting":
        return "A user must decide: show `approvals`, then call `approve`."
    if not has_ended(job):
        return "The job continues: call `tail_job` to follow it, or `get_job` later."
    if job["status"] == "failed" and job["type"] == "flow":
        return (
            "Read `error`; `get_steps` returns the steps. Fix, `push`, then `fork_job` with the new version."
        )
    if job["status"] == "failed":
        return "Read `error`. `tail_job` shows earlier events, `get_spans` the steps. Then fix, `push`, `replay_job`."
    return ""


LOCAL = HOSTED = (
    Offer(submit_job, "Run a skill", RUN),
    Offer(get_job, "Read a job", READ),
    Offer(list_jobs, "List jobs", READ),
    Offer(list_failures, "List errors of failed jobs", READ),
    Offer(set_failure_state, "Resolve, ignore or reopen an error", SET),
    Offer(cancel_job, "Cancel a job", REMOVE),
    Offer(replay_job, "Replay a job", RUN),
    Offer(fork_job, "Fork a job", RUN),
    Offer(get_steps, "Read the steps of a flow or a function", READ),
    Offer(get_spans, "Read the spans of a job", READ),
    Offer(get_model_call, "Read a model call", READ),
    Offer(approve, "Approve or reject a call", RUN),
    Offer(send_event, "Send an event", RUN),
)
