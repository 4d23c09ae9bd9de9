"""The log of a job is read page by page, without its other events."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

from backend.core.db.engine import Database
from backend.execution.events.append import NewEvent, append_to_queued
from backend.execution.events.types import LogEvent, ProgressEvent
from backend.execution.logs.service import MAX_CHARACTERS
from tests.integration.auth.conftest import client, world
from tests.integration.jobs.test_job_shares import Headers, submitted_job

__all__ = ["client", "world"]


async def written(database: Database, client: httpx.AsyncClient, *events: Any) -> tuple[str, Headers]:
    """Return a job with these events after `queued`, and a key of its project."""
    job_id, headers = await submitted_job(database, client)
    async with database.transaction() as session:
        await append_to_queued(session, job_id=UUID(job_id), events=[NewEvent(event) for event in events])
    return job_id, headers


async def read(client: httpx.AsyncClient, job_id: str, headers: Headers, query: str = "") -> Any:
    response = await client.get(f"/v1/jobs/{job_id}/logs{query}", headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def test_pages_have_only_entries_of_the_levels(client: httpx.AsyncClient, database: Database) -> None:
    job_id, headers = await written(
        database,
        client,
        LogEvent(stream="stdout", text="one\n"),
        ProgressEvent(fraction=0.5, text=""),
        LogEvent(stream="log", level="error", text="two", fields={"page": 2}),
        LogEvent(stream="log", level="info", text="three"),
    )
    whole = await read(client, job_id, headers)
    assert [one["text"] for one in whole["entries"]] == ["one\n", "two", "three"]
    assert whole["entries"][1]["fields"] == {"page": 2}
    assert (whole["counts"], whole["next_after"]) == ({"stdout": 1, "error": 1, "info": 1}, None)
    first = await read(client, job_id, headers, "?limit=2")
    rest = await read(client, job_id, headers, f"?limit=2&after={first['next_after']}")
    assert ([one["text"] for one in rest["entries"]], rest["counts"]) == (["three"], {})
    some = await read(client, job_id, headers, "?level=error&level=stdout")
    assert [one["level"] for one in some["entries"]] == ["stdout", "error"]
    last = await read(client, job_id, headers, "?tail=true&limit=2")
    assert ([one["text"] for one in last["entries"]], last["next_after"]) == (["two", "three"], None)


async def test_page_of_long_texts_is_shorter(client: httpx.AsyncClient, database: Database) -> None:
    long = "x" * (MAX_CHARACTERS // 2 + 1)
    job_id, headers = await written(
        database, client, *(LogEvent(stream="stdout", text=f"{number}{long}") for number in range(3))
    )
    first = await read(client, job_id, headers)
    assert [one["text"][0] for one in first["entries"]] == ["0", "1"]
    rest = await read(client, job_id, headers, f"?after={first['next_after']}")
    assert ([one["text"][0] for one in rest["entries"]], rest["next_after"]) == (["2"], None)
