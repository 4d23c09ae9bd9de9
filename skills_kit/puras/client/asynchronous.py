"""`AsyncClient`: the client for programs with an event loop. Its requests run in threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, Unpack

from puras.client.annotation_queues import AsyncAnnotationQueues
from puras.client.batch import MapResult
from puras.client.environments import AsyncEnvironments
from puras.client.sessions import AsyncSessions
from puras.client.shapes import (
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
from puras.client.synchronous import Client
from puras.client.transport import PAUSES_S
from puras.renamed import renamed_parameters

Value = TypeVar("Value")


class AsyncClient:
    """`Client` with awaitable methods, and `async for` over `stream` and `map`. Close it, or use `async with`.

    At most `concurrency` requests run at the same time. A cancelled task stops waiting for its request, and the request
    continues.
    """

    def __init__(
        self,
        api_key: str | None = None,
        skillpack: str | None = None,
        *,
        api_base: str | None = None,
        timeout: float = 120.0,
        retries: int = len(PAUSES_S),
        concurrency: int = 64,
    ) -> None:
        """Create the client with the arguments of `Client`.

        Raises:
            ValueError: There is no key, or the URL is invalid.
        """
        self._client = Client(api_key, skillpack, api_base=api_base, timeout=timeout, retries=retries)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="puras-client")

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Release the threads. Running requests continue to their end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def sessions(self) -> AsyncSessions:
        """Conversations with agents."""
        return AsyncSessions(self._client.sessions, self._in_thread)

    @property
    def environments(self) -> AsyncEnvironments:
        """What is active in development, staging and production; promotions and rollbacks."""
        return AsyncEnvironments(self._client.environments, self._in_thread)

    @property
    def annotation_queues(self) -> AsyncAnnotationQueues:
        """Reviews of the results of jobs."""
        return AsyncAnnotationQueues(self._client.annotation_queues, self._in_thread)

    async def run(
        self,
        skill: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        prompt: str | None = None,
        version: int | None = None,
        timeout: float = 600.0,  # noqa: ASYNC109 - the time limit of the job, as in `Client`
        poll_interval: float = 2.0,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Any:
        """See `Client.run`."""
        return await self._in_thread(
            partial(
                self._client.run,
                skill,
                inputs,
                prompt=prompt,
                version=version,
                timeout=timeout,
                poll_interval=poll_interval,
                idempotency_key=idempotency_key,
                **options,
            )
        )

    async def run_job(
        self,
        skill: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        prompt: str | None = None,
        version: int | None = None,
        timeout: float = 600.0,  # noqa: ASYNC109
        poll_interval: float = 2.0,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """See `Client.run_job`."""
        return await self._in_thread(
            partial(
                self._client.run_job,
                skill,
                inputs,
                prompt=prompt,
                version=version,
                timeout=timeout,
                poll_interval=poll_interval,
                idempotency_key=idempotency_key,
                **options,
            )
        )

    async def submit(
        self,
        skill: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        prompt: str | None = None,
        version: int | None = None,
        wait: bool = False,
        timeout: float = 60.0,  # noqa: ASYNC109
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """See `Client.submit`."""
        return await self._in_thread(
            partial(
                self._client.submit,
                skill,
                inputs,
                prompt=prompt,
                version=version,
                wait=wait,
                timeout=timeout,
                idempotency_key=idempotency_key,
                **options,
            )
        )

    async def get(self, job_id: str) -> Job:
        """See `Client.get`."""
        return await self._in_thread(partial(self._client.get, job_id))

    async def wait(self, job_id: str, *, timeout: float = 600.0, poll_interval: float = 2.0) -> Job:  # noqa: ASYNC109
        """See `Client.wait`."""
        return await self._in_thread(
            partial(self._client.wait, job_id, timeout=timeout, poll_interval=poll_interval)
        )

    async def events(self, job_id: str, *, after: int = 0) -> list[Event]:
        """See `Client.events`."""
        return await self._in_thread(partial(self._client.events, job_id, after=after))

    async def model_call(self, job_id: str, step: int) -> dict[str, Any]:
        """See `Client.model_call`."""
        return await self._in_thread(partial(self._client.model_call, job_id, step))

    async def stream(self, job_id: str, *, after: int = 0, deltas: bool = False) -> AsyncIterator[Event]:
        """See `Client.stream`. Leave the loop to disconnect."""
        with self._client.stream(job_id, after=after, deltas=deltas) as events:
            while (event := await self._in_thread(lambda: next(events, None))) is not None:
                yield event

    async def cancel(self, job_id: str) -> Job:
        """See `Client.cancel`."""
        return await self._in_thread(partial(self._client.cancel, job_id))

    async def approvals(
        self,
        *,
        status: str | None = "pending",
        job_id: str | None = None,
        skill: str | None = None,
        environment: Environment | None = None,
        session_id: str | None = None,
    ) -> list[Approval]:
        """See `Client.approvals`."""
        return await self._in_thread(
            lambda: self._client.approvals(
                status=status, job_id=job_id, skill=skill, environment=environment, session_id=session_id
            )
        )

    async def approve(
        self,
        approval_id: str,
        *,
        arguments: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> Approval:
        """See `Client.approve`."""
        return await self._in_thread(
            lambda: self._client.approve(approval_id, arguments=arguments, form=form, reason=reason)
        )

    async def deny(self, approval_id: str, *, reason: str = "") -> Approval:
        """See `Client.deny`."""
        return await self._in_thread(lambda: self._client.deny(approval_id, reason=reason))

    async def steps(
        self, job_id: str, step: str | None = None, *, status: str | None = None
    ) -> list[JobStep]:
        """See `Client.steps`."""
        return await self._in_thread(partial(self._client.steps, job_id, step, status=status))

    async def fork(
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
        """See `Client.fork`."""
        return await self._in_thread(
            partial(
                self._client.fork,
                job_id,
                step,
                edits=edits,
                keep_elements=keep_elements,
                inputs=inputs,
                model=model,
                version=version,
                idempotency_key=idempotency_key,
            )
        )

    async def send_event(
        self, event_type: str, data: object = None, *, event_id: str | None = None
    ) -> ProjectEvent:
        """See `Client.send_event`."""
        return await self._in_thread(partial(self._client.send_event, event_type, data, event_id=event_id))

    async def prompts(self, skill: str, *, skillpack: str | None = None) -> dict[str, Any]:
        """See `Client.prompts`."""
        return await self._in_thread(partial(self._client.prompts, skill, skillpack=skillpack))

    async def prompt(self, skill: str, number: int, *, skillpack: str | None = None) -> dict[str, Any]:
        """See `Client.prompt`."""
        return await self._in_thread(partial(self._client.prompt, skill, number, skillpack=skillpack))

    async def label_prompt(
        self, skill: str, label: str, number: int, *, skillpack: str | None = None
    ) -> dict[str, Any]:
        """See `Client.label_prompt`."""
        return await self._in_thread(
            partial(self._client.label_prompt, skill, label, number, skillpack=skillpack)
        )

    async def unlabel_prompt(self, skill: str, label: str, *, skillpack: str | None = None) -> None:
        """See `Client.unlabel_prompt`."""
        await self._in_thread(partial(self._client.unlabel_prompt, skill, label, skillpack=skillpack))

    async def estimate(
        self, skill: str, *, version: int | None = None, environment: Environment | None = None
    ) -> CostEstimate:
        """Return the expected cost of one run of a skill, from its recent jobs or from its prompt."""
        return await self._in_thread(
            lambda: self._client.estimate(skill, version=version, environment=environment)
        )

    async def failures(
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
        """See `Client.failures`."""
        return await self._in_thread(
            partial(
                self._client.failures,
                skill=skill,
                version=version,
                environment=environment,
                since=since,
                until=until,
                state=state,
                limit=limit,
            )
        )

    async def failure(self, error_signature: str) -> Failure:
        """See `Client.failure`."""
        return await self._in_thread(partial(self._client.failure, error_signature))

    async def resolve_failure(
        self, error_signature: str, *, note: str = "", fixed_in: Literal["active", "next"] = "active"
    ) -> Failure:
        """See `Client.resolve_failure`."""
        return await self._in_thread(
            partial(self._client.resolve_failure, error_signature, note=note, fixed_in=fixed_in)
        )

    async def ignore_failure(
        self, error_signature: str, *, note: str = "", until: str | None = None, jobs: int | None = None
    ) -> Failure:
        """See `Client.ignore_failure`."""
        return await self._in_thread(
            partial(self._client.ignore_failure, error_signature, note=note, until=until, jobs=jobs)
        )

    async def reopen_failure(self, error_signature: str) -> Failure:
        """See `Client.reopen_failure`."""
        return await self._in_thread(partial(self._client.reopen_failure, error_signature))

    async def eval_runs(
        self,
        suite_id: str,
        *,
        base: str | None = None,
        only: Literal["all", "not_passed", "regressed"] = "all",
        sort: Literal["number", "score", "cost", "duration"] = "number",
        max_entries: int | None = None,
    ) -> list[dict[str, Any]]:
        """See `Client.eval_runs`."""
        return await self._in_thread(
            partial(
                self._client.eval_runs,
                suite_id,
                base=base,
                only=only,
                sort=sort,
                max_entries=max_entries,
            )
        )

    async def feedback(
        self, job_id: str, *, rating: int, comment: str | None = None, end_user_id: str | None = None
    ) -> Feedback:
        """See `Client.feedback`."""
        return await self._in_thread(
            partial(self._client.feedback, job_id, rating=rating, comment=comment, end_user_id=end_user_id)
        )

    async def comments(self, job_id: str) -> list[dict[str, Any]]:
        """See `Client.comments`."""
        return await self._in_thread(partial(self._client.comments, job_id))

    async def comment(self, job_id: str, body: str, *, step: str | None = None) -> dict[str, Any]:
        """See `Client.comment`."""
        return await self._in_thread(partial(self._client.comment, job_id, body, step=step))

    async def activity(
        self, *, category: str | None = None, actor: str | None = None, max_entries: int = 100
    ) -> list[dict[str, Any]]:
        """See `Client.activity`."""
        return await self._in_thread(
            partial(self._client.activity, category=category, actor=actor, max_entries=max_entries)
        )

    @renamed_parameters(budget="budget_usd")
    async def map(
        self,
        skill: str,
        inputs: Iterable[Mapping[str, Any]],
        *,
        concurrency: int = 8,
        budget_usd: float | None = None,
        version: int | None = None,
        timeout: float = 600.0,  # noqa: ASYNC109
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> AsyncIterator[MapResult]:
        """See `Client.map`. Leave the loop to submit no more jobs."""
        with self._client.map(
            skill,
            inputs,
            concurrency=concurrency,
            budget_usd=budget_usd,
            version=version,
            timeout=timeout,
            idempotency_key=idempotency_key,
            **options,
        ) as results:
            while (result := await self._in_thread(lambda: next(results, None))) is not None:
                yield result

    async def upload(
        self, content: str | os.PathLike[str] | bytes, path: str | None = None, *, name: str | None = None
    ) -> str:
        """See `Client.upload`."""
        return await self._in_thread(partial(self._client.upload, content, path, name=name))

    async def download(self, drive_path: str, to: str | os.PathLike[str]) -> Path:
        """See `Client.download`."""
        return await self._in_thread(partial(self._client.download, drive_path, to))

    async def request(self, method: str, path: str, **given: Any) -> Any:
        """See `Client.request`."""
        return await self._in_thread(partial(self._client.request, method, path, **given))

    async def _in_thread(self, work: Callable[[], Value]) -> Value:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
