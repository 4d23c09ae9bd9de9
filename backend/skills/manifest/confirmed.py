"""Find what a bundle declares with `confirm: true`: effects that need an approval, whatever causes them."""

from __future__ import annotations

from backend.skills.manifest.effects import ANY_TOOL, NONE, Effect, Effects, server_tool
from backend.skills.manifest.types import Manifest, Skill, Tool


def of_kernel(skill: Skill | None) -> Effects:
    """Return the effect of the Python kernel, if the skill confirms each of its cells."""
    confirmed = skill is not None and any(tool.builtin and tool.confirm for tool in skill.tools)
    return frozenset({Effect("builtin", "python")}) if confirmed else NONE


def dropped_by(version: Manifest, active: Manifest) -> Effects:
    """Return what the active version confirms and another one does not, with the kernel of each skill by itself."""
    return _with_kernels(active) - _with_kernels(version)


def covers_server_tool(confirmed: Effects, section: Tool, tool: str) -> bool:
    """Return whether a tool of an MCP server needs an approval although its own section has no `confirm`.

    A section that names the tool in `allow` is more specific than one that confirms the whole server.
    """
    address = section.mcp or ""
    if server_tool(address, tool) in confirmed:
        return True
    is_named = section.allow is not None and tool in section.allow
    return not is_named and server_tool(address, ANY_TOOL) in confirmed


def hidden_files(manifest: Manifest, confirmed: Effects, reader: str) -> frozenset[str]:
    """Return the files of a bundle that commands of an agent of the skill `reader` must not read.

    They are those of confirmed functions, and of the functions and Python tools of other skills that are confirmed as
    a whole.
    """
    found = {effect.name.rpartition(":")[0] for effect in confirmed if effect.kind == "function"}
    for effect in confirmed:
        skill = manifest.find(effect.name) if effect.kind == "skill" else None
        if skill is not None and skill.name != reader:
            entrypoints = [tool.entrypoint for tool in skill.tools if tool.entrypoint]
            entrypoints += [] if skill.is_agentic else [skill.entrypoint]
            found.update(skill.function_effect(one).name.rpartition(":")[0] for one in entrypoints)
    return frozenset(found)


def _with_kernels(manifest: Manifest) -> Effects:
    kernels = (Effect("builtin", f"python of {skill.name}") for skill in manifest.skills if of_kernel(skill))
    return manifest.confirmed | frozenset(kernels)
