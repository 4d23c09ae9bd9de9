"""Create the OpenAPI document of a project: one typed operation for each skill of its active versions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from backend.execution.jobs.schemas import JobRead
from backend.identity.auth.membership import project_of
from backend.identity.auth.principal import Principal
from backend.identity.idempotency.service import MAX_CHARACTERS
from backend.identity.tables import Project
from backend.openapi.components import API_KEY, components, error_responses, header
from backend.skills.deployments import service as deployments
from backend.skills.deployments.service import ActiveSkill
from backend.skills.manifest.types import Skill
from backend.skills.schemas.schema_dialect import Schema, map_subschemas

_SCHEMAS: Final = "#/components/schemas/"
_ERROR_STATUSES: Final = {400, 401, 402, 403, 404, 409, 413, 415, 422, 503}
_PARAMETERS: Final = [
    {
        "name": "timeout",
        "in": "query",
        "description": "Seconds to wait for the end of the job, at most 55.",
        "schema": {"type": "number", "minimum": 0, "default": 55},
    },
    {
        "name": "version",
        "in": "query",
        "description": "Another version than the active one. The types describe the active version.",
        "schema": {"type": "integer", "minimum": 1},
    },
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A repeated request with the same key does not run the skill again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS},
    },
]


async def document(session: AsyncSession, principal: Principal, *, url: str) -> dict[str, Any]:
    """Return the document with the inputs and results of the project's skills, for generators of clients.

    Raises:
        NotAllowed: The principal may not see the skills.
        ProjectNotFound: The project was deleted.
    """
    active = await deployments.active_skills(session, principal)
    return describe(await project_of(session, principal), active, url=url)


def describe(project: Project, active: Sequence[ActiveSkill], *, url: str) -> dict[str, Any]:
    """Return the document of a project with these skills, on the instance with this URL."""
    names = _type_names(active)
    shared = components()
    paths: dict[str, Any] = {}
    for one, name in zip(active, names, strict=True):
        paths[_path(one)] = {"post": _operation(one, name)}
        shared["schemas"].update(_types(one.skill, name))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": project.name,
            "description": f"The skills of the project `{project.slug}` in their active versions.",
            "version": _version(active),
        },
        "servers": [{"url": url}],
        "security": [API_KEY],
        "tags": [
            {"name": slug, "description": pack_name}
            for slug, pack_name in {one.skillpack.slug: one.skillpack.name for one in active}.items()
        ],
        "paths": paths,
        "components": {**shared, "securitySchemes": {"api_key": shared["securitySchemes"]["api_key"]}},
    }


def _operation(one: ActiveSkill, name: str) -> dict[str, Any]:
    skill = one.skill
    response = {
        "description": "The job when it has ended, or its state after `timeout` seconds: see its `status`.",
        "headers": header("Idempotent-Replayed"),
        "content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}{name}Job"}}},
    }
    return {
        "operationId": "run" + re.sub("(?=[A-Z])", "_", name).lower(),
        "tags": [one.skillpack.slug],
        "summary": skill.title or skill.name,
        "description": skill.description,
        "parameters": _PARAMETERS,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": f"{_SCHEMAS}{name}Inputs"}, **_examples(skill)}
            },
        },
        "responses": {"200": response, **error_responses(_ERROR_STATUSES)},
    }


def _types(skill: Skill, name: str) -> dict[str, Schema]:
    """Return the schemas of the inputs, the result and the job."""
    inputs, result = f"{name}Inputs", f"{name}Result"
    job = JobRead.model_json_schema()
    job["properties"]["inputs"] = {"$ref": _SCHEMAS + inputs}
    job["properties"]["result"] = {
        "description": "The result of the skill; `null` until the job has succeeded.",
        "anyOf": [{"$ref": _SCHEMAS + result}, {"type": "null"}],
    }
    return {
        inputs: _at_position(skill.input_json_schema, inputs),
        result: _at_position(skill.output_json_schema, result),
        f"{name}Job": {**job, "title": f"{name}Job"},
    }


def _at_position(schema: Schema, name: str) -> Schema:
    """Return the schema for its position in the document, with its internal references adapted."""
    return {**_with_references(schema, _SCHEMAS + name), "title": name}


def _with_references(schema: Any, prefix: str) -> Any:
    if not isinstance(schema, dict):
        return schema
    moved = map_subschemas(schema, lambda inner: _with_references(inner, prefix))
    target = moved.get("$ref")
    return {**moved, "$ref": prefix + target[1:]} if isinstance(target, str) else moved


def _examples(skill: Skill) -> dict[str, Any]:
    examples = {
        f"example_{number}": {"summary": example.title or f"Example {number}", "value": example.inputs}
        | ({"description": example.description} if example.description else {})
        for number, example in enumerate(skill.examples, start=1)
    }
    return {"examples": examples} if examples else {}


def _path(one: ActiveSkill) -> str:
    return f"/v1/skills/{one.full_name}/run"


def _type_names(active: Sequence[ActiveSkill]) -> list[str]:
    """Return a unique name for the types of each skill: `WorkMakeThumbnail` for `work/make-thumbnail`."""
    names: list[str] = []
    for one in active:
        name = "".join(word.capitalize() for word in re.split(r"[^a-z0-9]+", one.full_name))
        name = name if name[:1].isalpha() else f"Skill{name}"
        numbered = (name if number == 1 else f"{name}No{number}" for number in count(1))
        names.append(next(free for free in numbered if free not in names))
    return names


def _version(active: Sequence[ActiveSkill]) -> str:
    """Return a version that changes with each active version: `default.3`, or `default.3-work.2`."""
    versions = {one.skillpack.slug: one.deployment.version for one in active}
    return "-".join(f"{slug}.{version}" for slug, version in versions.items()) or "none"
