"""What a bundle declares with `confirm: true`: effects that need an approval, whichever way an agent reaches them.

An effect is a pair of a kind and a name, so that sets of effects of several versions can be united and compared.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from backend.skills.manifest.types import Manifest, Skill, Tool

ANY_TOOL: Final = "*"
_PORTS: Final = {"http": 80, "https": 443}


class Effect(NamedTuple):
    """Something that an agent can cause."""

    kind: Literal["skill", "function", "text", "server", "builtin"]
    name: str
    """The full name of a skill, `path/in/bundle.py:function`, the path of a prompt in the bundle, the address of an
    MCP server and a tool of it, or the name of a built-in tool."""


Effects = frozenset[Effect]
NONE: Final[Effects] = frozenset()


def function_of(skill: Skill, entrypoint: str) -> Effect:
    """Return the effect of calling a Python function that a skill names relative to its folder."""
    return Effect("function", posixpath.normpath(posixpath.join(skill.path, entrypoint)))


def server_tool(address: str, tool: str) -> Effect:
    """Return the effect of calling a tool of an MCP server, whatever query or fragment its address has."""
    parts = urlsplit(address)
    try:
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:  # such an address is refused when the bundle is pushed
        port = 0
    host = (parts.hostname or "").removesuffix(".")
    return Effect("server", f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')} {tool}")


def of_manifest(manifest: Manifest) -> Effects:
    """Return every effect that any agent of a bundle declares with `confirm: true`.

    `builtin: python` is not among them: it is a property of one agent's kernel, see `of_kernel`.
    """
    found: set[Effect] = set()
    for skill in manifest.skills:
        for tool in skill.tools:
            if tool.confirm:
                found.update(_of_tool(manifest, skill, tool))
    return frozenset(found)


def of_kernel(skill: Skill | None) -> Effects:
    """Return the effect of the Python kernel, if the skill confirms each of its cells."""
    confirmed = skill is not None and any(tool.builtin and tool.confirm for tool in skill.tools)
    return frozenset({Effect("builtin", "python")}) if confirmed else NONE


def dropped_by(version: Manifest, active: Manifest) -> Effects:
    """Return what the active version confirms and another one does not, with the kernel of each skill by itself."""
    return _with_kernels(active) - _with_kernels(version)


def of_skill(skill: Skill) -> Effects:
    """Return the effects that running a skill has, under any of which it may be confirmed."""
    if skill.is_agentic:
        return frozenset({Effect("skill", skill.name), _text_of(skill)})
    return frozenset({Effect("skill", skill.name), function_of(skill, skill.entrypoint)})


def covers_server_tool(confirmed: Effects, section: Tool, tool: str) -> bool:
    """Return whether a tool of an MCP server needs an approval though its own section does not say so.

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
            found.update(function_of(skill, one).name.rpartition(":")[0] for one in entrypoints)
    return frozenset(found)


def _of_tool(manifest: Manifest, skill: Skill, tool: Tool) -> Iterable[Effect]:
    if tool.entrypoint:
        yield function_of(skill, tool.entrypoint)
    elif tool.skill:
        called = manifest.find(tool.skill)
        yield from (Effect("skill", tool.skill),) if called is None else of_skill(called)
    elif tool.mcp:
        for name in (ANY_TOOL,) if tool.allow is None else tool.allow:
            yield server_tool(tool.mcp, name)


def _with_kernels(manifest: Manifest) -> Effects:
    kernels = (Effect("builtin", f"python of {skill.name}") for skill in manifest.skills if of_kernel(skill))
    return manifest.confirmed | frozenset(kernels)


def _text_of(skill: Skill) -> Effect:
    return Effect("text", posixpath.normpath(posixpath.join(skill.path, skill.entrypoint)))
