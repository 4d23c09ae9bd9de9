"""Which answers name things that other operations take: OpenAPI's links, for clients that go on from an answer.

What is told by hand is where an answer names a thing. Which operations take it follows from their paths: every one all
of whose parameters are known then, from the answer or from the path that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


class Named(NamedTuple):
    """A place in an answer that names a thing."""

    parameter: str
    """By which paths take it."""
    pointer: str
    """Where it stands, in the answer's body."""
    under: str = "/v1/"
    """Beginning of the paths whose parameter means this thing: `name` is a skill's here and a secret's there."""


_JOB: Final = Named("job_id", "/id")
_DEPLOYMENT: Final = Named("deployment", "/id")
_DEPLOYMENT_OF_SKILLPACK: Final = _DEPLOYMENT._replace(under="/v1/skillpacks/{skillpack}/")
_SKILL: Final = Named("name", "/manifest/skills/0/name", "/v1/skills/")
_FILE: Final = Named("path", "/drive_path", "/v1/drive/files/")


def _first(named: Named) -> Named:
    """Return the same in the first entry of a list."""
    return named._replace(pointer=f"/0{named.pointer}")


NAMES: Final[dict[str, tuple[Named, ...]]] = {
    "submit_job": (_JOB,),
    "run_skill": (_JOB,),
    "replay_job": (_JOB,),
    "list_jobs": (_first(_JOB),),
    "push_deployment": (_DEPLOYMENT, _SKILL),
    "list_deployments": (_first(_DEPLOYMENT),),
    "push_deployment_of_skillpack": (_DEPLOYMENT_OF_SKILLPACK,),
    "list_deployments_of_skillpack": (_first(_DEPLOYMENT_OF_SKILLPACK),),
    "create_skillpack": (Named("skillpack", "/id"),),
    "list_skillpacks": (Named("skillpack", "/0/id"),),
    "list_skills": (Named("name", "/0/name", "/v1/skills/"),),
    "create_budget": (Named("budget_id", "/id"),),
    "list_budgets": (Named("budget_id", "/0/id"),),
    "create_api_key": (Named("key_id", "/id"),),
    "list_api_keys": (Named("key_id", "/0/id"),),
    "put_secret": (Named("name", "/name", "/v1/secrets/"),),
    "put_skillpack_secret": (Named("name", "/name", "/v1/skillpacks/{skillpack}/secrets/"),),
    "list_providers": (Named("family", "/0/family"),),
    "upload_file": (_FILE,),
    "put_file": (_FILE,),
    "create_project": (Named("project", "/id"),),
    "list_projects": (Named("project", "/0/id"),),
    "list_invitations": (Named("invitation_id", "/0/id"),),
    "invite_member": (Named("invitation_id", "/id"),),
    "list_members": (Named("user_id", "/0/user_id"),),
    "list_sessions": (Named("session_id", "/0/id"),),
}
"""Where answers name things, by the name of the operation."""

BODIES: Final[dict[str, tuple[str, str, str]]] = {
    "push_deployment": ("submit_job", "skill", "/manifest/skills/0/name"),
    "list_skills": ("submit_job", "skill", "/0/name"),
    "upload_file": ("sign_file", "path", "/drive_path"),
    "put_file": ("sign_file", "path", "/drive_path"),
}
"""Where they name what another operation takes in its body: that operation, the field there, the place here."""


class _Operation(NamedTuple):
    id: str
    path: str

    @property
    def parameters(self) -> set[str]:
        return set(_PARAMETER.findall(self.path))


def add_links(spec: dict[str, Any]) -> None:
    """Tell at each answer that names a thing what can be done with it."""
    described = [
        (_Operation(operation["operationId"], path), operation)
        for path, methods in spec["paths"].items()
        for operation in methods.values()
    ]
    for source, description in described:
        links: dict[str, Any] = {
            target.id: {"operationId": target.id, "parameters": parameters}
            for named in NAMES.get(source.id, ())
            for target, _ in described
            if (parameters := _known(source, named, target))
        }
        if source.id in BODIES:
            target_id, field, pointer = BODIES[source.id]
            body = {field: f"{{$response.body#{pointer}}}"}
            links[target_id] = {"operationId": target_id, "requestBody": body}
        for answer in _successes(description) if links else ():
            answer["links"] = links


def _known(source: _Operation, named: Named, target: _Operation) -> dict[str, str] | None:
    """The target's parameters, each with where it is known from; none unless it takes the thing and all are known."""
    if named.parameter not in target.parameters or not target.path.startswith(named.under):
        return None
    known = {
        name: f"$request.path.{name}"
        for name in source.parameters
        if target.path.startswith(source.path.partition(f"{{{name}}}")[0] + f"{{{name}}}")
    }
    known[named.parameter] = f"$response.body#{named.pointer}"
    if not target.parameters <= known.keys():
        return None
    return {name: known[name] for name in sorted(target.parameters)}


def _successes(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (answer for status, answer in description["responses"].items() if status.startswith("2"))
