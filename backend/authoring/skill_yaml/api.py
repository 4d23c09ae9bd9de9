"""Define the route that edits the text of a skill.yaml."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import Field

from backend.authoring.skill_yaml.edits import MAX_EDITS, AnyEdit, apply_edits
from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.skills.manifest.yaml_document import Document
from backend.skills.manifest.yaml_edits import read

router = APIRouter(route_class=AuthorizedRoute, tags=["drafts"])
MAX_CHARACTERS: Final = 128 << 10  # each edit parses the text; larger files are edited as text


class SkillYamlEdit(RequestBody):
    """Body of an edit."""

    text: Text = Field(max_length=MAX_CHARACTERS)
    """The text of the file."""
    edits: Annotated[list[AnyEdit], Field(max_length=MAX_EDITS)] = Field(default_factory=list)
    """Changes in this order. Without any, the response only describes the text."""


class SyntaxProblemRead(Schema):
    """A place at which a text is not valid YAML."""

    message: str
    line: int | None
    column: int | None


class SkillYamlRead(Schema):
    """The text after the edits, and its values."""

    text: str
    document: dict[str, Any] | None
    """The values; `null` if the text is not a mapping in valid YAML."""
    problems: list[SyntaxProblemRead]
    """Why the text is not valid YAML. Values are not validated: `drafts/check` does that."""


@router.post("/skill-yaml/edit", summary="Edit the text of a skill.yaml", max_body_size=16 * MAX_CHARACTERS)
@permissions.needs("deployments:read")
async def edit_skill_yaml(body: SkillYamlEdit, principal: PrincipalDep) -> SkillYamlRead:
    """Return the text with the edits. Comments, the order of keys, and everything that no edit concerns are unchanged.

    Nothing is stored: write the text with `PUT /v1/drafts/files/{path}`. An edit that changes nothing returns the same
    text.
    """
    principal.require(Role.VIEWER, "deployments:read")
    return await asyncio.to_thread(_edited, body.text, body.edits)


def _edited(text: str, edits: Sequence[AnyEdit]) -> SkillYamlRead:
    text = apply_edits(text, edits)
    document, problems = described(read(text), "A skill.yaml must be a mapping of keys like 'entrypoint:'.")
    return SkillYamlRead(text=text, document=document, problems=problems)


def described(found: Document, advice: str) -> tuple[dict[str, Any] | None, list[SyntaxProblemRead]]:
    """Return the values of a text; None, and why, if it is not a mapping in valid YAML."""
    problems = [
        SyntaxProblemRead(message=one.message, line=one.line, column=one.column) for one in found.problems
    ]
    if not problems and not isinstance(found.value, dict | None):
        problems.append(SyntaxProblemRead(message=advice, line=1, column=1))
    return (None if problems else found.value or {}), problems
