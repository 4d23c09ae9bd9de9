"""Define the tools for versions: validate, push, list, activate, delete."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from pydantic import Field

from puras_mcp import bundles, places
from puras_mcp.api import segment
from puras_mcp.offer import ADD, READ, REMOVE, SET, Offer
from puras_mcp.paging import by_offset
from puras_mcp.shapes import (
    Checked,
    Deployment,
    Deployments,
    Done,
    EnvironmentLine,
    Environments,
    Problem,
    Promotion,
    Pushed,
)
from puras_mcp.tools.about import Limit, Offset, Skillpack
from puras_mcp.world import Call, api_of

Folder = Annotated[
    str, Field(description="Absolute path of the folder that contains `skills/<name>/…` or `<name>/…`.")
]
Files = Annotated[
    dict[str, str],
    Field(
        description="Text files by path, such as {'skills/greet/skill.yaml': '…', 'skills/greet/main.py': '…'}."
    ),
]
Base64Files = Annotated[dict[str, str], Field(description="Binary files as base64 by path. Usually empty.")]
PushedTo = Annotated[
    str,
    Field(
        description="ID or slug of the skillpack; empty: the one that puras.yaml names, which is created if necessary, "
        "otherwise the default skillpack."
    ),
]
Notes = Annotated[str, Field(description="Release notes of the version.")]
Environment = Annotated[
    Literal["", "development", "staging", "production"],
    Field(description="Where it becomes active; empty: the environment of the API key, usually production."),
]
Target = Annotated[
    Literal["development", "staging", "production"],
    Field(description="The environment that gets the version."),
]
Source = Annotated[
    Literal["", "development", "staging", "production"],
    Field(
        description="The environment to promote from; empty: development for staging, staging for production."
    ),
]
Activate = Annotated[bool, Field(description="Activate the version, so that new jobs use it.")]
Version = Annotated[
    int, Field(description="The `head` version that `review_promotion` has shown; another one is rejected.")
]
DeploymentId = Annotated[str, Field(description="ID or version number, from `list_deployments`.")]


async def push(
    call: Call, project_dir: Folder, notes: Notes = "", activate: Activate = True, skillpack: PushedTo = ""
) -> Pushed:
    """Deploy a folder of skills as a new version and activate it, unless `activate` is false.

    The server checks the whole folder first. If it has problems, the error lists all of them with file, line and fix,
    and nothing is stored. Versions never change: running jobs continue with their version.
    Not included are .git, .venv, node_modules, caches, .env, and notebooks whose name is in no file of their skill.
    Call `validate` to check without deploying.
    """
    bundle = await asyncio.to_thread(lambda: bundles.of_folder(places.folder(project_dir)))
    return await _push(call, bundle, notes, activate, skillpack)


async def push_files(
    call: Call,
    files: Files,
    notes: Notes = "",
    activate: Activate = True,
    skillpack: PushedTo = "",
    base64_files: Base64Files | None = None,
) -> Pushed:
    """Deploy files as a new version of the project's skills and activate it, unless `activate` is false.

    Pass all files of all skills: the version contains only these files. The server checks all of them first. If there
    are problems, the error lists all of them with file, line and fix, and nothing is stored. Versions never change:
    running jobs continue with their version. Call `validate` to check without deploying.
    """
    return await _push(call, bundles.of_files(files, base64_files or {}), notes, activate, skillpack)


async def validate(call: Call, project_dir: Folder) -> Checked:
    """Check a folder of skills without storing or running anything.

    Errors have file, line and fix. Fix all of them, then call `push`.
    """
    bundle = await asyncio.to_thread(lambda: bundles.of_folder(places.folder(project_dir)))
    return await _validate(call, bundle)


async def validate_files(call: Call, files: Files, base64_files: Base64Files | None = None) -> Checked:
    """Check files of skills without storing or running anything.

    Errors have file, line and fix. Fix all of them, then call `push`.
    """
    return await _validate(call, bundles.of_files(files, base64_files or {}))


async def list_deployments(
    call: Call, skillpack: Skillpack = "", limit: Limit = 25, offset: Offset = 0
) -> Deployments:
    """List the versions of the project's skills, newest first, with the active one."""
    found = await api_of(call).get("/v1/deployments", skillpack=skillpack)
    page = by_offset([Deployment(**one) for one in found], offset, limit=limit)
    return Deployments(deployments=page.entries, next_offset=page.next_offset, total=len(found))


async def activate_deployment(
    call: Call, deployment_id: DeploymentId, skillpack: Skillpack = "", environment: Environment = ""
) -> Deployment:
    """Activate a version, so that new jobs use it. Use it also to return to an older version."""
    found = await api_of(call).send(
        "POST",
        f"/v1/deployments/{segment(deployment_id)}/activate",
        query={"skillpack": skillpack, "environment": environment},
        repeatable=True,
    )
    return Deployment(**found)


async def list_environments(call: Call, skillpack: Skillpack = "") -> Environments:
    """List development, staging and production, each with its active version."""
    found = await api_of(call).get("/v1/environments", skillpack=skillpack)
    return Environments(environments=[EnvironmentLine(**one) for one in found])


async def review_promotion(
    call: Call, environment: Target, source: Source = "", skillpack: Skillpack = ""
) -> Promotion:
    """Show what a promotion of a version to an environment would change. Nothing changes.

    Show the changes and the checks to the user before you call `promote_deployment`.
    """
    path = f"/v1/environments/{environment}/promotion"
    return Promotion(**await api_of(call).get(path, source=source, skillpack=skillpack))


async def promote_deployment(
    call: Call, environment: Target, version: Version, source: Source = "", skillpack: Skillpack = ""
) -> Deployment:
    """Make the version that is active in `source` the active one of `environment`, without a new build.

    Call `review_promotion` first, and ask the user for confirmation if `environment` is production.
    """
    body: dict[str, Any] = {"version": version}
    if source:
        body["source"] = source
    path = f"/v1/environments/{environment}/promotion"
    query = {"skillpack": skillpack}
    return Deployment(**await api_of(call).send("POST", path, query=query, body=body, creates=True))


async def delete_deployment(call: Call, deployment_id: DeploymentId, skillpack: Skillpack = "") -> Done:
    """Delete a version permanently. The active version cannot be deleted. Ask the user for confirmation first."""
    await api_of(call).send(
        "DELETE", f"/v1/deployments/{segment(deployment_id)}", query={"skillpack": skillpack}
    )
    return Done(done=f"Deployment {deployment_id} is deleted.")


async def _push(call: Call, bundle: bytes, notes: str, activate: bool, skillpack: str) -> Pushed:
    made = await api_of(call).send(
        "POST",
        "/v1/deployments",
        query={"skillpack": skillpack},
        form={"notes": notes, "activate": "true" if activate else "false"},
        file=bundle,
        creates=True,
    )
    if activate:
        await call.notify_tools_changed()
    return Pushed(**made | {"skills": _skills(made["manifest"]), "warnings": _problems(made["warnings"])})


async def _validate(call: Call, bundle: bytes) -> Checked:
    checked = await api_of(call).send("POST", "/v1/deployments/validate", file=bundle, repeatable=True)
    return Checked(
        ok=checked["ok"],
        skills=_skills(checked["manifest"]),
        warnings=_problems(checked["warnings"]),
        size_bytes=checked["size_bytes"],
    )


def _skills(manifest: dict[str, Any]) -> list[str]:
    return [skill["name"] for skill in manifest["skills"]]


def _problems(found: list[dict[str, Any]]) -> list[Problem]:
    return [Problem(**one) for one in found]


_BOTH = (
    Offer(list_deployments, "List versions", READ),
    Offer(activate_deployment, "Activate a version", SET),
    Offer(list_environments, "List environments", READ),
    Offer(review_promotion, "Review a promotion", READ),
    Offer(promote_deployment, "Promote a version", SET),
    Offer(delete_deployment, "Delete a version", REMOVE),
)
LOCAL = (Offer(validate, "Check skills", READ), Offer(push, "Deploy skills", ADD), *_BOTH)
HOSTED = (Offer(validate_files, "Check skills", READ), Offer(push_files, "Deploy skills", ADD), *_BOTH)
