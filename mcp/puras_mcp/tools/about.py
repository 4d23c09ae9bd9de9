"""Descriptions of arguments that several tools share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

JobId = Annotated[str, Field(description="Id of the job, from `submit_job` or `list_jobs`.")]
SkillName = Annotated[str, Field(description="Name of the skill, as `list_skills` tells it.")]
Skillpack = Annotated[
    str,
    Field(
        description="Id or slug of the skillpack; empty: the project's default one, which is nearly always right."
    ),
]
Version = Annotated[int | None, Field(description="Version number; null: the active one.", ge=1)]
Cursor = Annotated[str, Field(description="`next_cursor` of the answer before; empty: from the newest.")]
Offset = Annotated[int, Field(description="`next_offset` of the answer before.", ge=0)]
Limit = Annotated[int, Field(description="How many at most; fewer come when they are long.", ge=1, le=200)]
