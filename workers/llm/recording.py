"""Replay the replies of an earlier job at no cost. A recording is **not a language model**.

Tools run as usual; only the replies are recorded ones. The next one depends only on the conversation, so a resumed run
continues where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import CatalogueEntry
from backend.skills.model_catalog.recordings import slug_of
from workers.llm.errors import RecordingMissing
from workers.llm.types import Block, Label, Prompt, Reply, Retry, Tokens

_REPLIES = text("""
select e.content from journal_entries e join jobs j on j.id = e.job_id
where j.id = :job_id and j.project_id = :project_id and j.publisher_id is null and e.kind = 'reply'
order by e.step
""")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded reply."""

    blocks: tuple[Block, ...]
    stop_reason: str
    model: str


@dataclass(frozen=True, slots=True)
class Recording:
    """The replies of one earlier job, in order; always labeled as a recording."""

    job_id: UUID
    replies: tuple[Recorded, ...]

    @property
    def slug(self) -> str:
        """The slug with which a job selects it."""
        return slug_of(self.job_id)

    @property
    def entry(self) -> CatalogueEntry:
        """The catalog entry of the recorded model, as far as it is known, without prices."""
        models = catalog.current().models
        model = models.get(self.replies[0].model, models[catalog.SIMULATED_MODEL])
        return models[catalog.SIMULATED_MODEL].model_copy(
            update={"vision": model.vision, "pdf": model.pdf, "max_output_tokens": model.max_output_tokens}
        )

    @property
    def label(self) -> Label:
        """The label of each reply."""
        return "recording"

    async def reply(
        self, prompt: Prompt, on_delta: Callable[[str], None], on_retry: Callable[[Retry], None]
    ) -> Reply:
        """Return the recorded reply at this position; after the last one, the end of the run."""
        index = sum(message["role"] == "assistant" for message in prompt.messages)
        recorded = self.replies[index] if index < len(self.replies) else _end(self.replies[-1].model)
        for block in recorded.blocks:
            if block["type"] == "text":
                on_delta(block["text"])
                await asyncio.sleep(0)  # followers see it stream
        return Reply(
            blocks=recorded.blocks,
            stop_reason=recorded.stop_reason,
            tokens=Tokens(),
            model=recorded.model,
            upstream_nanos=0,
            billed_micros=0,
            label=self.label,
        )

    async def count(self, prompt: Prompt) -> int | None:
        """Return None: it costs nothing, however long the prompt is."""
        return None

    def worst_case_micros(self, prompt: Prompt, max_tokens: int) -> int:
        """Return 0: it costs nothing."""
        return 0

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


async def load(session: AnySession, *, project_id: UUID, job_id: UUID) -> Recording:
    """Return the recording of a job of this project.

    Raises:
        RecordingMissing: the project has no such job, or it has no replies of a model.
    """
    rows = (await session.execute(_REPLIES, {"project_id": project_id, "job_id": job_id})).all()
    contents: list[dict[str, Any]] = [row.content for row in rows]
    if not contents:
        raise RecordingMissing(job_id)
    replies = (
        Recorded(tuple(content["blocks"]), content["stop_reason"], content["model"]) for content in contents
    )
    return Recording(job_id, tuple(replies))


def _end(model: str) -> Recorded:
    return Recorded(({"type": "text", "text": "The recording ends here."},), "end_turn", model)
