"""`client.annotation_queues`: review the results of jobs with a rubric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal
from urllib.parse import quote

from puras.client.messages import new_key
from puras.client.routes import Routes
from puras.client.sessions import InThread

_PATH: Final = "/v1/annotation-queues"
_PAGE: Final = 200
_MAX_ADDED: Final = 1_000
"""Maximum number of jobs that one request adds."""
_ABSENT: Final[Any] = object()


class AnnotationQueues:
    """Create queues of jobs, review the jobs, and export the annotations."""

    def __init__(self, client: Routes) -> None:
        self._client = client

    def list(self) -> list[dict[str, Any]]:
        """Return the queues by name, with their progress."""
        found: list[dict[str, Any]] = self._client.request("GET", _PATH)
        return found

    def get(self, queue_id: str) -> dict[str, Any]:
        """Return a queue with its progress."""
        found: dict[str, Any] = self._client.request("GET", _one(queue_id))
        return found

    def create(
        self,
        name: str,
        rubric: Sequence[Mapping[str, Any]],
        *,
        instructions: str = "",
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the name of the field
    ) -> dict[str, Any]:
        """Create a queue.

        Args:
            name: Its name, which no other queue of the project has.
            rubric: The criteria, such as `{"key": "accuracy", "label": "Accuracy", "kind": "score"}`. The kind is
                `score`, `yes_no` or `category`, which has `categories`.
            instructions: What reviewers should know, as Markdown.
            filter: Conditions of the jobs that are added when they have ended, such as `{"skill": "report"}`; without
                it, jobs are added with `add`.
        """
        body = {"name": name, "rubric": [*rubric], "instructions": instructions, "filter": filter}
        created: dict[str, Any] = self._client.request("POST", _PATH, body=body, idempotency_key=new_key())
        return created

    def update(self, queue_id: str, **changes: Any) -> dict[str, Any]:
        """Change `name`, `instructions`, `filter` or `rubric` of a queue, and return it."""
        changed: dict[str, Any] = self._client.request("PATCH", _one(queue_id), body=changes)
        return changed

    def delete(self, queue_id: str) -> None:
        """Delete a queue. The annotations of its jobs remain."""
        self._client.request("DELETE", _one(queue_id))

    def items(self, queue_id: str, *, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Return the jobs of a queue in their order; `status` is `pending`, `done` or `skipped`."""
        query = {"limit": _PAGE, **({"status": status} if status else {})}
        return self._client.pages(f"{_one(queue_id)}/items", query=query)

    def add(self, queue_id: str, job_ids: Sequence[str]) -> int:
        """Add jobs that have ended, and return how many were not in the queue."""
        added = 0
        for start in range(0, len(job_ids), _MAX_ADDED):
            body = {"job_ids": [*job_ids[start : start + _MAX_ADDED]]}
            path = f"{_one(queue_id)}/items"
            added += self._client.request("POST", path, body=body, is_repeatable=True)["added"]
        return added

    def next(self, queue_id: str, *, after: int | None = None) -> dict[str, Any] | None:
        """Claim the next job for ten minutes, so that no other reviewer gets it; None if no job is left.

        Args:
            queue_id: ID of the queue.
            after: The `number` of the present item.
        """
        found: dict[str, Any] = self._client.request("POST", f"{_one(queue_id)}/next", body={"after": after})
        item: dict[str, Any] | None = found["item"]
        return item

    def skip(self, queue_id: str, item_id: str) -> dict[str, Any]:
        """Mark a job as skipped, without a review."""
        path = f"{_one(queue_id)}/items/{quote(item_id, safe='')}/skip"
        skipped: dict[str, Any] = self._client.request("POST", path, is_repeatable=True)
        return skipped

    def annotate(
        self,
        queue_id: str,
        item_id: str,
        scores: Mapping[str, float | bool | str],
        *,
        comment: str = "",
        corrected_output: Any = _ABSENT,
        step: str | None = None,
        complete: bool = True,
    ) -> dict[str, Any]:
        """Save your review of a job. It replaces your earlier one of the same job and step.

        Args:
            queue_id: ID of the queue.
            item_id: ID of the item.
            scores: A value for each criterion of the rubric, by its key.
            comment: A text.
            corrected_output: The output that the job should have had.
            step: The step that it is about; by default the whole job.
            complete: Whether the review of the job is complete.
        """
        body = {"scores": {**scores}, "comment": comment, "step": step, "complete": complete}
        if corrected_output is not _ABSENT:
            body["corrected_output"] = corrected_output
        path = f"{_one(queue_id)}/items/{quote(item_id, safe='')}/annotation"
        saved: dict[str, Any] = self._client.request("PUT", path, body=body)
        return saved

    def of_job(self, job_id: str) -> Sequence[dict[str, Any]]:
        """Return the annotations of a job, of all queues and reviewers."""
        found: Sequence[dict[str, Any]] = self._client.request(
            "GET", f"/v1/jobs/{quote(job_id, safe='')}/annotations"
        )
        return found

    def export(self, queue_id: str, *, format: Literal["csv", "jsonl"] = "jsonl") -> bytes:  # noqa: A002 - as the query
        """Return the annotations of a queue as CSV or as lines of JSON."""
        return self._client.content(f"{_one(queue_id)}/export", query={"format": format})

    def save_eval_cases(
        self, queue_id: str, *, tags: Sequence[str] = (), include_uncorrected: bool = False
    ) -> dict[str, Any]:
        """Save the reviewed jobs as eval cases, with the corrected outputs as the expected ones.

        Returns the numbers of `created`, `existing` and `uncorrected` cases, and what was `rejected`.
        """
        total: dict[str, Any] = {"created": 0, "existing": 0, "uncorrected": 0, "rejected": []}
        after: int | None = None
        while True:
            body = {"tags": [*tags], "include_uncorrected": include_uncorrected, "after": after}
            made = self._client.request("POST", f"{_one(queue_id)}/eval-cases", body=body)
            total = {name: total[name] + made[name] for name in total}
            after = made["next_after"]
            if after is None:
                return total


class AsyncAnnotationQueues:
    """`AnnotationQueues` with awaitable methods."""

    def __init__(self, queues: AnnotationQueues, run: InThread) -> None:
        self._queues = queues
        self._run = run

    async def list(self) -> list[dict[str, Any]]:
        """See `AnnotationQueues.list`."""
        return await self._run(self._queues.list)

    async def get(self, queue_id: str) -> dict[str, Any]:
        """See `AnnotationQueues.get`."""
        return await self._run(partial(self._queues.get, queue_id))

    async def create(self, name: str, rubric: Sequence[Mapping[str, Any]], **options: Any) -> dict[str, Any]:
        """See `AnnotationQueues.create`."""
        return await self._run(partial(self._queues.create, name, rubric, **options))

    async def update(self, queue_id: str, **changes: Any) -> dict[str, Any]:
        """See `AnnotationQueues.update`."""
        return await self._run(partial(self._queues.update, queue_id, **changes))

    async def delete(self, queue_id: str) -> None:
        """See `AnnotationQueues.delete`."""
        await self._run(partial(self._queues.delete, queue_id))

    async def items(self, queue_id: str, *, status: str | None = None) -> Sequence[dict[str, Any]]:
        """See `AnnotationQueues.items`."""
        return await self._run(lambda: tuple(self._queues.items(queue_id, status=status)))

    async def add(self, queue_id: str, job_ids: Sequence[str]) -> int:
        """See `AnnotationQueues.add`."""
        return await self._run(partial(self._queues.add, queue_id, job_ids))

    async def next(self, queue_id: str, *, after: int | None = None) -> dict[str, Any] | None:
        """See `AnnotationQueues.next`."""
        return await self._run(partial(self._queues.next, queue_id, after=after))

    async def skip(self, queue_id: str, item_id: str) -> dict[str, Any]:
        """See `AnnotationQueues.skip`."""
        return await self._run(partial(self._queues.skip, queue_id, item_id))

    async def annotate(
        self, queue_id: str, item_id: str, scores: Mapping[str, float | bool | str], **options: Any
    ) -> dict[str, Any]:
        """See `AnnotationQueues.annotate`."""
        return await self._run(partial(self._queues.annotate, queue_id, item_id, scores, **options))

    async def of_job(self, job_id: str) -> Sequence[dict[str, Any]]:
        """See `AnnotationQueues.of_job`."""
        return await self._run(partial(self._queues.of_job, job_id))

    async def export(self, queue_id: str, *, format: Literal["csv", "jsonl"] = "jsonl") -> bytes:  # noqa: A002 - as the query
        """See `AnnotationQueues.export`."""
        return await self._run(partial(self._queues.export, queue_id, format=format))

    async def save_eval_cases(self, queue_id: str, **options: Any) -> dict[str, Any]:
        """See `AnnotationQueues.save_eval_cases`."""
        return await self._run(partial(self._queues.save_eval_cases, queue_id, **options))


def _one(queue_id: str) -> str:
    return f"{_PATH}/{quote(queue_id, safe='')}"
