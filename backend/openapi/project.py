"""A project's own API as OpenAPI: one typed operation per skill of its active versions."""

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
from backend.openapi.components import API_KEY, components, header, refusals
from backend.skills.deployments import service as deployments
from backend.skills.deployments.service import ActiveSkill
from backend.skills.manifest.types import Skill
from backend.skills.schemas.schema_dialect import Schema, map_subschemas

_SCHEMAS: Final = "#/components/schemas/"
_REFUSALS: Final = {400, 401, 402, 403, 404, 409, 413, 415, 422, 503}
_PARAMETERS: Final = [
    {
        "name": "timeout",
        "in": "query",
        "description": "Seconds to wait for the job's end; the cap is 55.",
        "schema": {"type": "number", "minimum": 0, "default": 55},
    },
    {
        "name": "version",
        "in": "query",
        "description": "Another version than the active one, which these types describe.",
        "schema": {"type": "integer", "minimum": 1},
    },
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same request with the same key runs the skill once.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS},
    },
]


async def document(session: AsyncSession, principal: Principal, *, url: str) -> dict[str, Any]:
    """Return the description of what the project's skills take and give, for generators of clients.

    Raises:
        NotAllowed: The principal may not see the skills.
        ProjectNotFound: The project was deleted.
    """
    active = await deployments.active_skills(session, principal)
    return describe(await project_of(session, principal), active, url=url)


def describe(project: Project, active: Sequence[ActiveSkill], *, url: str) -> dict[str, Any]:
    """Return the description of a project with these skills, of an instance at this address."""
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
            "description": f"The skills of the project `{project.slug}`, as their active versions have them.",
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
    answer = {
        "description": "The job when it has ended, or as it stands after `timeout` seconds: see its `status`.",
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
        "responses": {"200": answer, **refusals(_REFUSALS)},
    }


def _types(skill: Skill, name: str) -> dict[str, Schema]:
    """What goes in, what comes out, and the job around it."""
    inputs, result = f"{name}Inputs", f"{name}Result"
    job = JobRead.model_json_schema()
    job["properties"]["inputs"] = {"$ref": _SCHEMAS + inputs}
    job["properties"]["result"] = {
        "description": "What the skill returned; `null` until it has succeeded.",
        "anyOf": [{"$ref": _SCHEMAS + result}, {"type": "null"}],
    }
    return {
        inputs: _placed(skill.input_json_schema, inputs),
        result: _placed(skill.output_json_schema, result),
        f"{name}Job": {**job, "title": f"{name}Job"},
    }


def _placed(schema: Schema, name: str) -> Schema:
    """Return the schema where it stands in the description: what it refers to within itself is found from there."""
    return {**_referring(schema, _SCHEMAS + name), "title": name}


def _referring(schema: Any, place: str) -> Any:
    if not isinstance(schema, dict):
        return schema
    moved = map_subschemas(schema, lambda inner: _referring(inner, place))
    target = moved.get("$ref")
    return {**moved, "$ref": place + target[1:]} if isinstance(target, str) else moved


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
    """Return a name for the types of each skill, none twice: `work/make-thumbnail` gives `WorkMakeThumbnail`."""
    names: list[str] = []
    for one in active:
        name = "".join(word.capitalize() for word in re.split(r"[^a-z0-9]+", one.full_name))
        name = name if name[:1].isalpha() else f"Skill{name}"
        numbered = (name if number == 1 else f"{name}No{number}" for number in count(1))
        names.append(next(free for free in numbered if free not in names))
    return names


def _version(active: Sequence[ActiveSkill]) -> str:
    """Changes whenever a version is switched: `default.3`, or `default.3-work.2`."""
    versions = {one.skillpack.slug: one.deployment.version for one in active}
    return "-".join(f"{slug}.{version}" for slug, version in versions.items()) or "none"
