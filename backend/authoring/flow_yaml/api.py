"""Define the route that edits the text of a flow.yaml."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from backend.authoring.flow_yaml.edits import FILE, AnyFlowEdit, apply_flow_edits
from backend.authoring.skill_yaml.api import MAX_CHARACTERS, SyntaxProblemRead, described
from backend.authoring.skill_yaml.edits import MAX_EDITS
from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.skills.flows.references import read_names, texts_in
from backend.skills.manifest.yaml_edits import read
from backend.skills.schemas.messages import Path

router = APIRouter(route_class=AuthorizedRoute, tags=["drafts"])


class FlowYamlEdit(RequestBody):
    """Body of an edit."""

    text: Text = Field(max_length=MAX_CHARACTERS)
    """The text of the file."""
    edits: Annotated[list[AnyFlowEdit], Field(max_length=MAX_EDITS)] = Field(default_factory=list)
    """Changes in this order. Without any, the response only describes the text."""


class FlowReferenceRead(Schema):
    """An expression that reads the result of a step, or the inputs of the flow."""

    step: str | None
    """ID of the step that is read; `null`: the inputs of the flow."""
    reader: str | None
    """ID of the step that reads it; `null`: the `output` of the flow."""
    keys: list[str | int]
    """Keys and indexes of the text with the expression, outermost first."""


class FlowYamlRead(Schema):
    """The text after the edits, its values, and what its steps read."""

    text: str
    document: dict[str, Any] | None
    """The values; `null` if the text is not a mapping in valid YAML."""
    problems: list[SyntaxProblemRead]
    """Why the text is not valid YAML. Values are not validated: `drafts/check` does that."""
    references: list[FlowReferenceRead]
    """What the expressions read. Expressions that are not valid are left out."""


@router.post("/flow-yaml/edit", summary="Edit the text of a flow.yaml", max_body_size=16 * MAX_CHARACTERS)
@permissions.needs("deployments:read")
async def edit_flow_yaml(body: FlowYamlEdit, principal: PrincipalDep) -> FlowYamlRead:
    """Return the text with the edits. Comments, the order of keys, and everything that no edit concerns are unchanged.

    Nothing is stored: write the text with `PUT /v1/drafts/files/{path}`. An edit that changes nothing returns the same
    text. A moved step keeps its notation and comments; a renamed one is also renamed in the expressions that read it.
    """
    principal.require(Role.VIEWER, "deployments:read")
    return await asyncio.to_thread(_edited, body.text, body.edits)


def _edited(text: str, edits: Sequence[AnyFlowEdit]) -> FlowYamlRead:
    text = apply_flow_edits(text, edits)
    document, problems = described(read(text, FILE), "A flow.yaml must be a mapping with 'steps:'.")
    references = [] if document is None else list(_references(document))
    return FlowYamlRead(text=text, document=document, problems=problems, references=references)


def _references(document: Mapping[str, Any]) -> Iterator[FlowReferenceRead]:
    for path, text in texts_in(document):
        reader = _innermost_step(document, path)
        for name in sorted(read_names(text)):
            yield FlowReferenceRead(step=name or None, reader=reader, keys=list(path))


def _innermost_step(document: Any, path: Path) -> str | None:
    """Return the ID of the innermost step that contains a value."""
    found, is_block = None, False
    for key in path:
        if isinstance(key, str) and key not in ("steps", "default", "switch", "parallel"):
            break
        document = document[key]
        if is_block and isinstance(document, dict):
            found = str(document.get("id", ""))
        is_block = key in ("steps", "default")
    return found
