"""Define the tools for running skills: submit, read, list, cancel, replay, decide."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from puras_mcp.api import Api, segment
from puras_mcp.cutting import fit, part
from puras_mcp.offer import READ, REMOVE, RUN, Offer
from puras_mcp.paging import by_cursor
from puras_mcp.shapes import Approval, Job, JobDetail, Jobs, Span, Spans
from puras_mcp.tools.about import Cursor, JobId, Limit, SkillName, Skillpack, Version
from puras_mcp.world import Call, api_of

MAX_WAIT_S = 55
"""The instance lets no client wait longer, and most clients abort a call after 60 s."""
SPANS_AT_ONCE = 50
_ENDED = frozenset({"succeeded", "failed", "cancelled"})

Wait = Annotated[bool, Field(description="Wait for the result, up to `timeout` seconds.")]
Timeout = Annotated[int, Field(description="Seconds to wait at most.", ge=0, le=MAX_WAIT_S)]
Status = Literal["", "queued", "running", "waiting", "succeeded", "failed", "cancelled"]


async def submit_job(
    call: Call,
    skill: SkillName,
    inputs: Annotated[
        dict[str, Any] | None, Field(description="What goes in, by the `input_schema` of `get_skill`.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 30,
    skillpack: Skillpack = "",
    version: Version = None,
) -> JobDetail:
    """Run a skill as a job. It may cost money and act outside, as the skill does.

    Answers with the job's id at once; with `wait=true` when the job has ended, or as it stands after `timeout`
    seconds. The job goes on by itself either way: follow it with `tail_job`, read it with `get_job`. Inputs that do
    not fit are refused with the path of each mistake, and nothing runs. A skill that its bundle lets agents run only
    with an approval (`confirm: true`) is `waiting` until a user decides: show `approvals`, then call `approve`.
    Files: `drive_upload` first, then give the path as the input.
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
    offset: Annotated[int, Field(description="Character or item to begin at, with `path`.", ge=0)] = 0,
) -> JobDetail:
    """Read a job: status, why it waits, inputs, result, files, cost, error.

    Long values are cut and listed in `cuts`; give such a `path` and `offset` to read on, the stretch is in `part`.
    """
    api = api_of(call)
    job = await api.get(f"/v1/jobs/{segment(job_id)}")
    if not path:
        return await detail(api, job)
    stretch = part(
        {"inputs": job["inputs"], "result": job["result"], "outputs": job["outputs"]}, path, offset
    )
    return JobDetail(**job | {"inputs": None, "result": None, "outputs": []}, part=stretch)


async def list_jobs(
    call: Call,
    status: Annotated[Status, Field(description="Only jobs in this state; empty: all.")] = "",
    limit: Limit = 25,
    skill: Annotated[str, Field(description="Only jobs of this skill; empty: all.")] = "",
    cursor: Cursor = "",
) -> Jobs:
    """List jobs, newest first, without inputs and results: `get_job` has those."""
    page = await by_cursor(
        api_of(call), "/v1/jobs", Job, limit=limit, status=status, skill=skill, cursor=cursor
    )
    return Jobs(jobs=page.entries, next_cursor=page.next_cursor)


async def cancel_job(call: Call, job_id: JobId) -> JobDetail:
    """Cancel a job that has not ended. What it has spent until now is charged; it cannot be resumed."""
    api = api_of(call)
    return await detail(api, await api.send("POST", f"/v1/jobs/{segment(job_id)}/cancel"))


async def replay_job(
    call: Call, job_id: JobId, version: Version = None, wait: Wait = False, timeout: Timeout = 30
) -> JobDetail:
    """Run the inputs of a job again as a new job, with the same version of the skill or another one.

    Useful after a fix: push, then replay the job that failed with the new version.
    """
    api = api_of(call)
    made = await api.send(
        "POST",
        f"/v1/jobs/{segment(job_id)}/replay",
        query={"version": version, "wait": wait, "timeout": timeout},
        creates=True,
    )
    return await detail(api, made)


async def get_spans(
    call: Call,
    job_id: JobId,
    offset: Annotated[int, Field(description="`next_offset` of the answer before.", ge=0)] = 0,
) -> Spans:
    """Read the steps of a job as spans: attempts, model calls, tool calls, with durations, tokens and cost.

    This tells where the time and the money of a job went.
    """
    found = await api_of(call).get(f"/v1/jobs/{segment(job_id)}/spans")
    page = fit(found[offset : offset + SPANS_AT_ONCE], "")
    shown = [Span(**one) for one in page.value if isinstance(one, dict)]
    end = offset + len(shown)
    return Spans(
        spans=shown,
        next_offset=end if end < len(found) else None,
        total=len(found),
        cuts=[cut for cut in page.cuts if cut.path],
    )


async def approve(
    call: Call,
    approval_id: Annotated[str, Field(description="Id of the approval, from `approvals` of `get_job`.")],
    decision: Annotated[
        Literal["approve", "deny"], Field(description="What the person has decided.")
    ] = "approve",
    reason: Annotated[str, Field(description="Why, for the record and for the agent that asked.")] = "",
) -> Approval:
    """Decide on a call that an agent's job waits for. Show the person the call first and do what they say.

    Approving lets the job act outside with just these arguments; denying lets it go on without.
    """
    verb = "approve" if decision == "approve" else "deny"
    found = await api_of(call).send(
        "POST", f"/v1/approvals/{segment(approval_id)}/{verb}", body={"reason": reason}
    )
    return Approval(**found)


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
        **{**job, **long, "outputs": outputs, "approvals": approvals, "cuts": fitted.cuts, "next": _next(job)}
    )


def has_ended(job: dict[str, Any]) -> bool:
    """Return whether the job has ended."""
    return job["status"] in _ENDED


def _next(job: dict[str, Any]) -> str:
    if job["status"] == "waiting":
        return "A person has to decide: show them `approvals`, then call `approve`."
    if not has_ended(job):
        return "It goes on by itself: call `tail_job` to follow it, or `get_job` later."
    if job["status"] == "failed":
        return "Read `error`; `tail_job` shows what came before it, `get_spans` where. Then mend, `push`, `replay_job`."
    return ""


LOCAL = HOSTED = (
    Offer(submit_job, "Run a skill", RUN),
    Offer(get_job, "Read a job", READ),
    Offer(list_jobs, "List jobs", READ),
    Offer(cancel_job, "Cancel a job", REMOVE),
    Offer(replay_job, "Run a job again", RUN),
    Offer(get_spans, "Read the steps of a job", READ),
    Offer(approve, "Decide on a call", RUN),
)
