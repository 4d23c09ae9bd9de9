"""Create one typed tool for each deployed skill, for clients whose agents should see skills as tools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from pydantic import ConfigDict

from puras_mcp.api import Api, segment
from puras_mcp.cutting import MAX_CHARS, fit
from puras_mcp.errors import CallRejected
from puras_mcp.offer import RUN
from puras_mcp.tools.jobs import MAX_WAIT_S
from puras_mcp.world import Call, api_of

PREFIX: Final = "skill_"
MAX_SKILLS: Final = 64
"""Agents choose badly from more tools. Other skills are available through `submit_job`."""
_UNUSABLE: Final = re.compile(r"[^A-Za-z0-9_-]")
_MAX_NAME_CHARACTERS: Final = 64


class _Inputs(ArgModelBase):
    """Inputs that the skill's own schema allows; the instance validates them."""

    model_config = ConfigDict(extra="allow")

    def model_dump_one_level(self) -> dict[str, Any]:
        """Return the inputs as one argument of the tool's function."""
        return {"inputs": dict(self.model_extra or {})}


async def tools_of(api: Api) -> list[Tool]:
    """Return a tool for each skill of the active deployments."""
    listed = await api.get("/v1/skills")
    skills = [
        await api.get(f"/v1/skills/{segment(one['name'])}", skillpack=one["skillpack"])
        for one in listed[:MAX_SKILLS]
    ]
    return [_tool(skill, name) for skill, name in zip(skills, _names(skills), strict=True)]


def _names(skills: Sequence[dict[str, Any]]) -> list[str]:
    """Return a unique name for each skill, prefixed with the skillpack if two have the same name."""
    plain = [_name(skill["name"]) for skill in skills]
    return [
        name if plain.count(name) == 1 else _name(f"{skill['skillpack']}_{skill['name']}")
        for name, skill in zip(plain, skills, strict=True)
    ]


def _name(text: str) -> str:
    return (PREFIX + _UNUSABLE.sub("_", text))[:_MAX_NAME_CHARACTERS]


def _tool(skill: dict[str, Any], name: str) -> Tool:
    async def run(call: Call, inputs: dict[str, Any]) -> dict[str, Any]:
        return await _run(api_of(call), skill, inputs)

    return Tool(
        fn=run,
        name=name,
        title=skill["title"] or skill["name"],
        description=(
            f"{skill['description']}\n\nRuns the skill {skill['name']!r} as a job and waits up to {MAX_WAIT_S} s. "
            "If `status` is not `succeeded` yet, follow it with `tail_job`."
        ),
        parameters=skill["input_json_schema"],
        fn_metadata=FuncMetadata(
            arg_model=_Inputs, output_schema=_output(skill["output_json_schema"]), output_model=dict[str, Any]
        ),
        is_async=True,
        context_kwarg="call",
        annotations=RUN,
    )


def _output(result_schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the tool's result: fields of the job around the skill's own result."""
    return {
        "type": "object",
        "properties": {
            "job_id": {"type": "string"},
            "status": {"type": "string"},
            "cost_usd": {"type": "number"},
            "result": {"anyOf": [result_schema, {"type": "null"}, {"type": "string"}]},
            "next": {"type": "string"},
        },
        "required": ["job_id", "status", "result"],
    }


async def _run(api: Api, skill: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    job = await api.send(
        "POST",
        "/v1/jobs",
        body={"skill": skill["name"], "inputs": inputs, "source": "mcp"},
        query={"wait": True, "timeout": MAX_WAIT_S, "skillpack": skill["skillpack"]},
        creates=True,
    )
    if job["status"] in ("failed", "cancelled"):
        raise CallRejected(
            f"Job {job['id']} {job['status']}: {job['error'] or 'no error message'}",
            code=job["error_code"] or "",
        )
    response = {
        "job_id": job["id"],
        "status": job["status"],
        "cost_usd": job["cost_usd"],
        "result": None,
        "next": "",
    }
    if job["status"] != "succeeded":
        return response | {"next": f"The job continues: call `tail_job` with job_id={job['id']!r}."}
    fitted = fit(job["result"], "/result")
    if not fitted.cuts:
        return response | {"result": job["result"]}
    # A shortened result does not match the skill's schema, so it is sent as text.
    return response | {
        "result": str(fitted.value)[:MAX_CHARS],
        "next": f"The result is shortened: `get_job` with job_id={job['id']!r} and path='/result' returns all of it.",
    }
