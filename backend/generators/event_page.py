"""Generate `docs/reference/events.md`, the types of events and their fields, from the classes of the events."""

from __future__ import annotations

from typing import Final

from backend.docs_site.markdown import code, kind, table
from backend.openapi.event_types import EventDescription, groups

_HEAD: Final = """\
# Events

An event records what happened to a job: `{"id", "job_id", "ts", "type", "payload"}`. Events are numbered from 1
without gaps and never change. `GET /v1/jobs/{job_id}/events` lists them, `GET /v1/jobs/{job_id}/stream` sends them as
they happen.

- **Ignore types and fields that you do not know.** Releases add types and fields; they never rename them.
- **Optional fields** can be missing. Old jobs do not have fields that were added later.
- **Secrets** of the job are redacted, and so is what guardrails of its skill redact.
- **Runs of a listing** of another project have only the events that describe progress, limits, cost and the end.
- Types for programs: `JobEvent` in the [TypeScript client](typescript-client.md), `puras.client.event_types` in the
  [Python client](python-client.md), and the schema `JobEvent` of the [REST API](rest.md).

This page is generated from the classes of the events by `make settings`.

"""


def page() -> str:
    """Return the text of the page."""
    parts = [
        f"## {_title(group.description)}\n\n{''.join(_section(event) for event in group.events)}"
        for group in groups()
    ]
    return _HEAD + "".join(parts).rstrip() + "\n"


def _title(description: str) -> str:
    first = description.splitlines()[0].removeprefix("Events of ").rstrip(".")
    return first[0].upper() + first[1:]


def _section(event: EventDescription) -> str:
    rows = [
        (code(one.key), kind(one.schema), "yes" if one.is_required else "no", one.description)
        for one in event.fields
    ]
    return f"### `{event.type}`\n\n{event.description}\n\n" + table(
        ("Field", "Type", "Always", "Meaning"), rows
    )
