"""Add OpenAPI links: which values of a response are parameters of other operations.

The positions of the values are listed here. The operations follow from their paths: all operations whose parameters are
known from the response or from the path of the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


class LinkedValue(NamedTuple):
    """A value in a response that identifies an object."""

    parameter: str
    """The name of the parameter of paths that takes the value."""
    pointer: str
    """The JSON pointer to the value in the body of the response."""
    under: str = "/v1/"
    """Prefix of the paths whose parameter means this object: `name` is that of a skill or that of a secret."""


_JOB: Final = LinkedValue("job_id", "/id")
_DEPLOYMENT: Final = LinkedValue("deployment", "/id")
_DEPLOYMENT_OF_SKILLPACK: Final = _DEPLOYMENT._replace(under="/v1/skillpacks/{skillpack}/")
_SKILL: Final = LinkedValue("name", "/manifest/skills/0/name", "/v1/skills/")
_FILE: Final = LinkedValue("path", "/drive_path", "/v1/drive/files/")


def _first(value: LinkedValue) -> LinkedValue:
    """Return the same value in the first entry of a list."""
    return value._replace(pointer=f"/0{value.pointer}")


NAMES: Final[dict[str, tuple[LinkedValue, ...]]] = {
    "submit_job": (_JOB,),
    "run_skill": (_JOB,),
    "replay_job": (_JOB,),
    "list_jobs": (_first(_JOB),),
    "push_deployment": (_DEPLOYMENT, _SKILL),
    "list_deployments": (_first(_DEPLOYMENT),),
    "push_deployment_of_skillpack": (_DEPLOYMENT_OF_SKILLPACK,),
    "list_deployments_of_skillpack": (_first(_DEPLOYMENT_OF_SKILLPACK),),
    "create_skillpack": (LinkedValue("skillpack", "/id"),),
    "list_skillpacks": (LinkedValue("skillpack", "/0/id"),),
    "list_skills": (LinkedValue("name", "/0/name", "/v1/skills/"),),
    "create_budget": (LinkedValue("budget_id", "/id"),),
    "list_budgets": (LinkedValue("budget_id", "/0/id"),),
    "create_api_key": (LinkedValue("key_id", "/id"),),
    "list_api_keys": (LinkedValue("key_id", "/0/id"),),
    "put_secret": (LinkedValue("name", "/name", "/v1/secrets/"),),
    "put_skillpack_secret": (LinkedValue("name", "/name", "/v1/skillpacks/{skillpack}/secrets/"),),
    "list_providers": (LinkedValue("family", "/0/family"),),
    "upload_file": (_FILE,),
    "put_file": (_FILE,),
    "create_project": (LinkedValue("project", "/id"),),
    "list_projects": (LinkedValue("project", "/0/id"),),
    "list_invitations": (LinkedValue("invitation_id", "/0/id"),),
    "invite_member": (LinkedValue("invitation_id", "/id"),),
    "list_members": (LinkedValue("user_id", "/0/user_id"),),
    "list_sessions": (LinkedValue("session_id", "/0/id"),),
}
"""The values in responses, by the name of the operation."""

BODIES: Final[dict[str, tuple[str, str, str]]] = {
    "push_deployment": ("submit_job", "skill", "/manifest/skills/0/name"),
    "list_skills": ("submit_job", "skill", "/0/name"),
    "upload_file": ("sign_file", "path", "/drive_path"),
    "put_file": ("sign_file", "path", "/drive_path"),
}
"""Values for the body of another operation: that operation, the field in its body, the pointer in the response."""


class _Operation(NamedTuple):
    id: str
    path: str

    @property
    def parameters(self) -> set[str]:
        return set(_PARAMETER.findall(self.path))


def add_links(spec: dict[str, Any]) -> None:
    """Add links to each response that contains a value for other operations."""
    described = [
        (_Operation(operation["operationId"], path), operation)
        for path, methods in spec["paths"].items()
        for operation in methods.values()
    ]
    for source, description in described:
        links: dict[str, Any] = {
            target.id: {"operationId": target.id, "parameters": parameters}
            for value in NAMES.get(source.id, ())
            for target, _ in described
            if (parameters := _known(source, value, target))
        }
        if source.id in BODIES:
            target_id, field, pointer = BODIES[source.id]
            body = {field: f"{{$response.body#{pointer}}}"}
            links[target_id] = {"operationId": target_id, "requestBody": body}
        for response in _successes(description) if links else ():
            response["links"] = links


def _known(source: _Operation, value: LinkedValue, target: _Operation) -> dict[str, str] | None:
    """Return the target's parameters with their sources; None unless it takes the value and all of them are known."""
    if value.parameter not in target.parameters or not target.path.startswith(value.under):
        return None
    known = {
        name: f"$request.path.{name}"
        for name in source.parameters
        if target.path.startswith(source.path.partition(f"{{{name}}}")[0] + f"{{{name}}}")
    }
    known[value.parameter] = f"$response.body#{value.pointer}"
    if not target.parameters <= known.keys():
        return None
    return {name: known[name] for name in sorted(target.parameters)}


def _successes(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (response for status, response in description["responses"].items() if status.startswith("2"))
