"""Define the arguments that several tools share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

JobId = Annotated[str, Field(description="ID of the job, from `submit_job` or `list_jobs`.")]
SkillName = Annotated[str, Field(description="Name of the skill, from `list_skills`.")]
Skillpack = Annotated[
    str,
    Field(description="ID or slug of the skillpack; empty: the default skillpack of the project."),
]
Version = Annotated[int | None, Field(description="Version number; null: the active version.", ge=1)]
Cursor = Annotated[str, Field(description="`next_cursor` of the previous response; empty: from the newest.")]
Offset = Annotated[int, Field(description="`next_offset` of the previous response.", ge=0)]
Limit = Annotated[
    int, Field(description="Maximum number of entries; fewer are returned if they are long.", ge=1, le=200)
]
