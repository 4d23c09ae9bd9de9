"""`Client`: run skills of an instance from any program, with an API key."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, Unpack
from urllib.parse import quote

from puras.client.annotation_queues import AnnotationQueues
from puras.client.batch import Batch
from puras.client.environments import Environments
from puras.client.errors import JobError, JobTimeout
from puras.client.messages import Body, Request, new_key
from puras.client.routes import Routes
from puras.client.sessions import Sessions
from puras.client.shapes import (
    ENDS,
    Approval,
    CostEstimate,
    Environment,
    Event,
    Failure,
    Failures,
    FailureState,
    Feedback,
    Job,
    JobOptions,
    JobStep,
    ProjectEvent,
)
from puras.client.streams import EventStream
from puras.renamed import renamed_parameters

_LONGEST_WAIT_S: Final = 50.0
"""Maximum time that one request waits for the end of a job."""
_PAGE: Final = 10_000
_STEPS_PAGE: Final = 200


class Client(Routes):
    """Run skills of a project and read its jobs.

    The key is `api_key`, `PURAS_API_KEY` or the one that `puras login` saved, in this order. The URL is `api_base`,
    `PURAS_API_BASE` or the one that `puras login` saved. Interrupted requests are repeated. Every submit has an
    idempotency key, so one call creates one job. Threads can share a client.
    """

    @property
    def sessions(self) -> Sessions:
        """Conversations with agents."""
        return Sessions(self, self._transport)

    @property
    def environments(self) -> Environments:
        """What is active in development, staging and production; promotions and rollbacks."""
        return Environments(self, self.skillpack)

    @property
    def annotation_queues(self) -> AnnotationQueues:
        """Reviews of the results of jobs."""
        return AnnotationQueues(self)

    def run(
        self,
        skill: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        prompt: str | None = None,
        version: int | None = None,
        timeout: float = 600.0,
        poll_interval: float = 2.0,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Any:
        """Run a skill or a prompt as a job, and return its result, or `{}` if it returns nothing.

        Raises:
            JobError: The job failed or was cancelled.
            JobTimeout: The job has not ended within `timeout` seconds.
            PurasAPIError: The server rejected the request or did not respond.
        """
        job = self.run_job(
            skill,
            inputs,
            prompt=prompt,
            version=version,
            timeout=timeout,
            poll_interval=poll_interval,
            idempotency_key=idempotency_key,
            **options,
        )
        return {} if job["result"] is None else job["result"]

    def run_job(
        self,
        skill: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        prompt: str | None = None,
        version: int | None = None,
        timeout: float = 600.0,
        poll_interval: float = 2.0,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Run a skill or a prompt as `run` does, and return the job with its ID, cost and files.

        Raises:
            JobError, JobTimeout, PurasAPIError: As in `run`.
        """
        started = time.monotonic()
        job = self.submit(
            skill,
            inputs,
            prompt=prompt,
            version=version,
            wait=True,
            timeout=min(timeout, _LONGEST_WAIT_S),
            idempotency_key=idempotency_key,
            **options,
        )
        job = self._ended(job, started, timeout, poll_interval)
        if job["status"] != "succeeded":
            raise JobError.of(job)
        return job

    def submit(
        self,
        skill: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        prompt: str | None = None,
        version: int | None = None,
        wait: bool = False,
        timeout: float = 60.0,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Submit a job and return it.

        With `wait`, return the job after its end, or its present state after `timeout` seconds (at most 55). Each
        `pathlib.Path` and each `bytes` in the inputs is uploaded to the drive. The same `idempotency_key` with the same
        request returns the same job for 24 hours. Without one, each call creates a new job.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        body: dict[str, Any] = {
            "skill": skill,
            "prompt": prompt,
            "inputs": self.with_files(inputs or {}),
            **options,
        }
        if "run_at" in options:
            body["run_at"] = str(options["run_at"])
        is_of_a_skillpack = prompt is None and "listing_id" not in options
        response = self._transport.ask(
            Request(
                "POST",
                "/v1/jobs",
                query={
                    "skillpack": self.skillpack if is_of_a_skillpack else None,
                    "version": version,
                    "wait": wait or None,
                    "timeout": timeout if wait else None,
                },
                body=Body.json({name: value for name, value in body.items() if value is not None}),
                headers={"Idempotency-Key": idempotency_key or new_key()},
                timeout_s=self._read_timeout_s(timeout if wait else 0.0),
            )
        )
        job: Job = response.json()
        return job

    def get(self, job_id: str) -> Job:
        """Return the present state of the job."""
        return self._get(job_id, 0.0)

    def wait(self, job_id: str, *, timeout: float = 600.0, poll_interval: float = 2.0) -> Job:
        """Wait for the end of the job, and return it with any status.

        Raises:
            JobTimeout: The job has not ended within `timeout` seconds, and continues.
            PurasAPIError: The server rejected the request or did not respond.
        """
        started = time.monotonic()
        return self._ended(self._get(job_id, min(timeout, _LONGEST_WAIT_S)), started, timeout, poll_interval)

    def events(self, job_id: str, *, after: int = 0) -> list[Event]:
        """Return the events so far, after the event with the number `after`."""
        events: list[Event] = []
        while True:
            query = {"after": events[-1]["id"] if events else after, "limit": _PAGE}
            page: list[Event] = self.request("GET", f"/v1/jobs/{_segment(job_id)}/events", query=query)
            events += page
            if len(page) < _PAGE:
                return events

    def model_call(self, job_id: str, step: int) -> dict[str, Any]:
        """Return the input of a model call of an agent as it was sent, and the reply, with all messages.

        `step` is the number of the reply, from 1 on.
        """
        path = f"/v1/jobs/{_segment(job_id)}/model-calls/{int(step)}/download"
        call: dict[str, Any] = self.request("GET", path)
        return call

    def stream(self, job_id: str, *, after: int = 0, deltas: bool = False) -> EventStream:
        """Return the events as they happen, after the number `after`, until the end of the job, each exactly once.

        After a disconnect, the stream continues. With `deltas`, the stream also returns the text of a model while it is
        written, as events of type `delta` without a number. With `restart`, its text replaces the earlier ones: the
        first delta after a connection during the reply has the whole text so far.
        """
        return EventStream(self._transport, _segment(job_id), after=after, deltas=deltas)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: immediately while it is queued, within seconds while it runs."""
        job: Job = self.request("POST", f"/v1/jobs/{_segment(job_id)}/cancel", is_repeatable=True)
        return job

    def approvals(
        self,
        *,
        status: str | None = "pending",
        job_id: str | None = None,
        skill: str | None = None,
        environment: Environment | None = None,
        session_id: str | None = None,
    ) -> list[Approval]:
        """Return approvals, newest first: those that await a decision, unless another `status` is given."""
        query = {"job_id": job_id, "skill": skill, "environment": environment, "session_id": session_id}
        query = {name: value for name, value in {"status": status, **query}.items() if value is not None}
        return list(self.pages("/v1/approvals", query=query))

    def approve(
        self,
        approval_id: str,
        *,
        arguments: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> Approval:
        """Approve a call, or a step of a flow.

        With `arguments`, the call is made with these instead of the ones that the agent requests. `form` has the values
        that a step of a flow needs.

        Raises:
            PurasAPIError: The values are not valid, and the approval is still pending; or it was decided before.
        """
        values = {"arguments": arguments, "form": form}
        body = {"reason": reason, **{name: dict(one) for name, one in values.items() if one is not None}}
        decided: Approval = self.request("POST", f"/v1/approvals/{_segment(approval_id)}/approve", body=body)
        return decided

    def deny(self, approval_id: str, *, reason: str = "") -> Approval:
        """Reject a call. The agent receives the reason, and continues without it."""
        decided: Approval = self.request(
            "POST", f"/v1/approvals/{_segment(approval_id)}/deny", body={"reason": reason}
        )
        return decided

    def steps(self, job_id: str, step: str | None = None, *, status: str | None = None) -> list[JobStep]:
        """Return the steps of a flow in their order, or the durable steps of a function.

        With `step`, return only the step with this name and its whole result; of a step with `for_each`, its elements.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        query = {"step": step, "status": status, "limit": _STEPS_PAGE}
        return list(self.pages(f"/v1/jobs/{_segment(job_id)}/steps", query=query))

    def fork(
        self,
        job_id: str,
        step: int | str | None = None,
        *,
        edits: Sequence[Mapping[str, Any]] = (),
        keep_elements: bool = False,
        inputs: Mapping[str, Any] | None = None,
        model: str | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Create a job that starts with the stored steps of another one, which cost nothing, and return it.

        Args:
            job_id: The other job.
            step: The last reply of an agent or the number of durable steps to copy. Of a flow, the ID of the first step
                that runs again; default: the first one that has failed.
            edits: Changes to the copied steps. Of a flow: `{"step": …, "result": …}`.
            keep_elements: For a step of a flow with `for_each`: elements that have succeeded do not run again.
            inputs: New inputs. Each `pathlib.Path` and each `bytes` in them is uploaded to the drive.
            model: The model that continues the run of an agent.
            version: The version of the skill that continues; default: the one of the other job.
            idempotency_key: The same request with this key creates one job within 24 hours.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        given = {
            "step": step,
            "edits": [dict(edit) for edit in edits] or None,
            "keep_elements": keep_elements or None,
            "inputs": None if inputs is None else self.with_files(inputs),
            "model": model,
            "version": version,
        }
        body = {name: value for name, value in given.items() if value is not None}
        key = idempotency_key or new_key()
        job: Job = self.request("POST", f"/v1/jobs/{_segment(job_id)}/fork", body=body, idempotency_key=key)
        return job

    def send_event(
        self, event_type: str, data: object = None, *, event_id: str | None = None
    ) -> ProjectEvent:
        """Send an event to the project: jobs continue that wait for it with `puras.wait_for_event`.

        Args:
            event_type: The type of the event, such as `invoice.paid`.
            data: JSON data, up to 64 KiB.
            event_id: An ID of the sender; a second event with it is not stored. Default: a new ID for each call.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        body = {"type": event_type, "data": data, "id": new_key() if event_id is None else event_id}
        sent: ProjectEvent = self.request("POST", "/v1/events", body=body, is_repeatable=True)
        return sent

    def prompts(self, skill: str, *, skillpack: str | None = None) -> dict[str, Any]:
        """Return the versions of the prompt of an agent, newest first, with deployments, labels and statistics."""
        query = _query(skillpack=skillpack or self.skillpack)
        found: dict[str, Any] = self.request("GET", f"/v1/skills/{quote(skill)}/prompts", query=query)
        return found

    def prompt(self, skill: str, number: int, *, skillpack: str | None = None) -> dict[str, Any]:
        """Return one version of the prompt of an agent with its text."""
        path = f"/v1/skills/{quote(skill)}/prompts/{int(number)}"
        found: dict[str, Any] = self.request("GET", path, query=_query(skillpack=skillpack or self.skillpack))
        return found

    def label_prompt(
        self, skill: str, label: str, number: int, *, skillpack: str | None = None
    ) -> dict[str, Any]:
        """Give a version of the prompt a label. Another version of the skill with the label loses it."""
        path = f"/v1/skills/{quote(skill)}/prompts/labels/{_segment(label)}"
        query = _query(skillpack=skillpack or self.skillpack)
        made: dict[str, Any] = self.request("PUT", path, body={"number": number}, query=query)
        return made

    def unlabel_prompt(self, skill: str, label: str, *, skillpack: str | None = None) -> None:
        """Delete a label of the prompt of an agent."""
        path = f"/v1/skills/{quote(skill)}/prompts/labels/{_segment(label)}"
        self.request("DELETE", path, query=_query(skillpack=skillpack or self.skillpack))

    def estimate(
        self, skill: str, *, version: int | None = None, environment: Environment | None = None
    ) -> CostEstimate:
        """Return the expected cost of one run of a skill, from its recent jobs or from its prompt.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        query = {"skillpack": self.skillpack, "version": version, "environment": environment}
        found: CostEstimate = self.request("GET", f"/v1/cost-estimates/{quote(skill)}", query=query)
        return found

    def failures(
        self,
        *,
        skill: str | None = None,
        version: int | None = None,
        environment: Environment | None = None,
        since: str | None = None,
        until: str | None = None,
        state: FailureState | Literal["all"] = "open",
        limit: int = 20,
    ) -> Failures:
        """Return the failed jobs of a period grouped by their error, the most frequent first.

        Args:
            skill: Only jobs of this skill.
            version: Only jobs of this version.
            environment: Only jobs of this environment.
            since: Only jobs created after this time, such as `2026-05-01T12:00:00Z`; default: a week before `until`.
            until: Only jobs created before this time; default: now.
            state: Only errors in this state; `all`: all of them.
            limit: The maximum number of clusters, up to 100.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        query = {
            "skill": skill,
            "version": version,
            "environment": environment,
            "since": since,
            "until": until,
            "state": state,
            "limit": limit,
        }
        found: Failures = self.request("GET", "/v1/job-failures", query=query)
        return found

    def failure(self, error_signature: str) -> Failure:
        """Return an error of failed jobs with its state."""
        found: Failure = self.request("GET", _failure_path(error_signature))
        return found

    def resolve_failure(
        self, error_signature: str, *, note: str = "", fixed_in: Literal["active", "next"] = "active"
    ) -> Failure:
        """Mark an error as resolved; it is open again when a job that is submitted later fails with it.

        Args:
            error_signature: The `error_signature` of its jobs.
            note: For the members of the project.
            fixed_in: The first version in which the error should not occur: the one that is active in production, or
                the one after it. Failures of earlier versions do not open the error again.
        """
        body = {"note": note, "fixed_in": fixed_in}
        path = _failure_path(error_signature, "/resolve")
        decided: Failure = self.request("POST", path, body=body, is_repeatable=True)
        return decided

    def ignore_failure(
        self, error_signature: str, *, note: str = "", until: str | None = None, jobs: int | None = None
    ) -> Failure:
        """Ignore an error permanently, until a time, or for a number of further failed jobs.

        Args:
            error_signature: The `error_signature` of its jobs.
            note: For the members of the project.
            until: The time from which the error is open again, such as `2026-05-01T12:00:00Z`.
            jobs: The number of further failed jobs after which the error is open again.
        """
        body = {"note": note, "until": until, "jobs": jobs}
        path = _failure_path(error_signature, "/ignore")
        decided: Failure = self.request("POST", path, body=body, is_repeatable=True)
        return decided

    def reopen_failure(self, error_signature: str) -> Failure:
        """Mark an error that was resolved or ignored as open."""
        path = _failure_path(error_signature, "/reopen")
        decided: Failure = self.request("POST", path, is_repeatable=True)
        return decided

    def eval_runs(
        self,
        suite_id: str,
        *,
        base: str | None = None,
        only: Literal["all", "not_passed", "regressed"] = "all",
        sort: Literal["number", "score", "cost", "duration"] = "number",
        max_entries: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return the runs of an eval suite with their inputs, outputs and the verdict of each grader.

        Args:
            suite_id: The suite.
            base: Another suite, whose run of the same case is in `base` of each run.
            only: `not_passed`: also runs without a result. `regressed`: runs that are worse than in `base`.
            sort: `number`: the order of submission. `score`: the lowest first. `cost`, `duration`: the highest first.
            max_entries: The maximum number of runs; default: all.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        page = _STEPS_PAGE if max_entries is None else max(1, min(max_entries, _STEPS_PAGE))
        query = {"base": base, "only": only, "sort": sort, "limit": page}
        return list(self.pages(f"/v1/evals/{_segment(suite_id)}/cases", query=query, max_entries=max_entries))

    def feedback(
        self, job_id: str, *, rating: int, comment: str | None = None, end_user_id: str | None = None
    ) -> Feedback:
        """Rate the result with -1, 0 or 1. A later rating of the same user replaces the earlier one."""
        body = {"rating": rating, "comment": comment, "end_user_id": end_user_id}
        body = {name: value for name, value in body.items() if value is not None}
        path = f"/v1/jobs/{_segment(job_id)}/feedback"
        stored: Feedback = self.request("POST", path, body=body, is_repeatable=True)
        return stored

    def comments(self, job_id: str) -> list[dict[str, Any]]:
        """Return the comments on a job, the oldest first."""
        path = f"/v1/jobs/{_segment(job_id)}/comments"
        return list(self.pages(path, query={"limit": _STEPS_PAGE}))

    def comment(self, job_id: str, body: str, *, step: str | None = None) -> dict[str, Any]:
        """Write a comment on a job, or on a step of it, as Markdown. `@name` mentions a member of the project."""
        path = f"/v1/jobs/{_segment(job_id)}/comments"
        given = {"body": body, "step": step}
        written: dict[str, Any] = self.request("POST", path, body=given, idempotency_key=new_key())
        return written

    def activity(
        self, *, category: str | None = None, actor: str | None = None, max_entries: int = 100
    ) -> list[dict[str, Any]]:
        """Return what members, keys and jobs did in the project, the newest first."""
        query = {"category": category, "actor": actor, "limit": min(max_entries, _STEPS_PAGE)}
        query = {name: value for name, value in query.items() if value is not None}
        return list(self.pages("/v1/activity", query=query, max_entries=max_entries))

    @renamed_parameters(budget="budget_usd")
    def map(
        self,
        skill: str,
        inputs: Iterable[Mapping[str, Any]],
        *,
        concurrency: int = 8,
        budget_usd: float | None = None,
        version: int | None = None,
        timeout: float = 600.0,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Batch:
        """Run one job for each of the inputs, at most `concurrency` at a time, and return the results in order.

        `budget_usd` limits the cost of all jobs together. Each job gets a share of what is left as its cap, and returns
        what it does not use. Inputs for which nothing is left are not submitted and have the error
        `BudgetExceeded`. With an `idempotency_key`, a second run within 24 hours returns the jobs of the first run for
        the same inputs at the same positions.
        """

        def run(index: int, given: Mapping[str, Any], cap_usd: float | None) -> Job:
            mine: JobOptions = {**options}
            if cap_usd is not None:
                mine["limits"] = {**options.get("limits", {}), "cost_usd": cap_usd}
            key = None if idempotency_key is None else f"{idempotency_key}-{index}"
            return self.run_job(skill, given, version=version, timeout=timeout, idempotency_key=key, **mine)

        return Batch(inputs, run, concurrency=concurrency, budget_usd=budget_usd)

    def url(self, job: Job) -> str:
        """Return the URL of the job in the studio."""
        return f"{self.api_base}/p/{job.get('project_id', '')}/jobs/{job['id']}"

    def _ended(self, job: Job, started: float, timeout: float, poll_interval: float) -> Job:
        while job["status"] not in ENDS:
            left_s = timeout - (time.monotonic() - started)
            if left_s <= 0:
                raise JobTimeout(job, timeout)
            requested_at = time.monotonic()
            job = self._get(job["id"], min(left_s, _LONGEST_WAIT_S))
            if job["status"] not in ENDS and time.monotonic() - requested_at < min(1.0, left_s / 2):
                time.sleep(min(poll_interval, left_s))  # an instance that responds before the end of the wait
        return job

    def _get(self, job_id: str, wait_s: float) -> Job:
        query = {"wait": True, "timeout": round(wait_s, 3)} if wait_s > 0 else {}
        path = f"/v1/jobs/{_segment(job_id)}"
        job: Job = self._transport.ask(
            Request("GET", path, query, timeout_s=self._read_timeout_s(wait_s))
        ).json()
        return job

    def _read_timeout_s(self, wait_s: float) -> float:
        return max(self._transport.timeout_s, wait_s + 30.0)


def _query(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _segment(text: str) -> str:
    return quote(text, safe="")


def _failure_path(error_signature: str, rest: str = "") -> str:
    return f"/v1/job-failures/{_segment(error_signature)}{rest}"
