"""Rules of the keys of agents: models, tools, routing and memory."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from backend.core.errors import PurasError
from backend.core.names import suggestion
from backend.skills.manifest import mcp_servers
from backend.skills.manifest.files import SkillFile
from backend.skills.manifest.keys import Part, fields_of
from backend.skills.manifest.skill_reader import Reading, Section
from backend.skills.manifest.types import MAX_MODELS, MemoryUse, Routing, Tool
from backend.skills.model_catalog import catalog
from backend.skills.schemas.messages import shown

BUILT_IN_TOOLS: Final = frozenset(
    {"bash", "todo_write", "generate_image", "generate_video", "generate_audio", "transcribe", "web_search"}
    | {"web_fetch", "file_read", "file_write", "file_edit", "download_url"}
    | {"drive_url", "drive_pull", "describe_subagent", "run_subagent", "memory_search", "memory_get"}
    | {"memory_forget", "memory_put", "set_output"}
)
NOT_OFFERED: Final = {
    "image_search": "Write a tool of that name that calls a search engine, or use web_search.",
    "web_screenshot": "Write a tool of that name, or use web_fetch for the text of a page.",
    "media": "Use generate_image, generate_video, generate_audio and transcribe.",
    "send_email": "Write a tool of that name that calls your mail service.",
}
"""Tools of Puras that no agent has here, and what to do instead."""
_MEMORY_TOOLS: Final = re.compile(
    rb"\bmemory_(?:(?:search|get|put|forget)\b|\*)|\b(?:workspace memory|memory tools?)\b", re.IGNORECASE
)
_PURAS_MEMORY: Final = MemoryUse(digest=True, identity=True)


def check_agent(skill: SkillFile, section: Section) -> None:
    """Report contradictions between the keys of an agent."""
    if skill.model and skill.text_model and skill.model != skill.text_model:
        message = (
            "'model' and 'text_model' are two names of one key and have different values. Remove one of them."
        )
        section.error("text_model", message)
    if (
        skill.routing
        and skill.routing.escalate_to
        and skill.routing.escalate_to == (skill.model or skill.text_model)
    ):
        message = f"{skill.routing.escalate_to!r} is the skill's own model. Choose a stronger one."
        section.error(("routing", "escalate_to"), message)
    if section.reading.is_agentic:
        _check_allowed_tools(skill, section)
        readers = ways_to_run_code(skill.tools, skill.allowed_tools, disables_bash=skill.disable_bash)
        _warn_of_readers(section, skill.tools, readers)


def check_routing(routing: Routing, section: Section) -> Routing:
    """Replace an empty list of reasons by the default."""
    check_models(routing, section)
    return routing if routing.on else routing.model_copy(update={"on": Routing.model_fields["on"].default})


def fallback_models(section: Section) -> tuple[str, ...]:
    """Return the models of a list after the first one, and report those that are not in the catalog."""
    listed = section.value.get("model")
    if not isinstance(listed, list):
        return ()
    names = [name for name in listed if isinstance(name, str)]
    if not listed or len(listed) > MAX_MODELS or len(set(names)) < len(names):
        section.error("model", f"'model' lists 1 to {MAX_MODELS} different models.")
    for index, name in enumerate(names[1:], start=1):
        problem = catalog.current().problem(name)
        if problem:
            section.error(("model", index), problem)
    return tuple(names[1:])


def check_models(part: Part, section: Section) -> None:
    """Report models that are not in the catalog."""
    for field in fields_of(type(part)):
        slug, kind = getattr(part, field.name), field.rule.catalog
        if slug and kind:
            models = catalog.current()
            problem = models.problem(slug) if kind == "models" else models.media_problem(slug, kind)
            if problem:
                section.error(field.key, problem)


def check_tool(tool: Tool, section: Section) -> Tool:
    """Report contradictions between the keys of a tool, and complete it."""
    if tool.name in BUILT_IN_TOOLS:
        section.warn(
            "name", f"{tool.name!r} is the name of a built-in tool, which has priority. Rename this tool."
        )
    if "builtin" in section.value:
        return tool.model_copy(update={"name": "python"})
    if "mcp" in section.value:
        return mcp_servers.check_server(tool, section)
    return _check_skill_tool(tool, section) if "skill" in section.value else tool


def ways_to_run_code(
    tools: Iterable[Tool], allowed: Collection[str], *, disables_bash: bool
) -> tuple[str, ...]:
    """Return the names of the tools with which an agent runs code that its model writes."""
    named = (*(() if disables_bash else ("bash",)), *(tool.builtin for tool in tools if tool.builtin))
    return tuple(name for name in named if not allowed or name in allowed)


def readable_helpers(file: str, readers: Iterable[str]) -> str:
    """Return the warning about a confirmed Python tool in a bundle whose agents run code."""
    return (
        f"An approval guards this tool, but {' and '.join(readers)} can read and run every file of the "
        f"bundle other than {file!r}, such as the modules that it imports. Put all code with effects into "
        f"{file!r} itself, require a secret for it, or disable commands with 'disable_bash: true'."
    )


def _warn_of_readers(section: Section, tools: Iterable[Tool], readers: tuple[str, ...]) -> None:
    """Warn of ways around the approval of tools that need one."""
    for index, tool in enumerate(tools):
        if tool.confirm and tool.entrypoint and readers:
            file = tool.entrypoint.rpartition(":")[0]
            section.warn(("tools", index, "confirm"), readable_helpers(file, map(repr, readers)))
        if tool.confirm and tool.builtin and "bash" in readers:
            section.warn(
                ("tools", index, "confirm"),
                "Each cell needs an approval, and 'bash' runs Python without one. Set 'disable_bash: true'.",
            )


def _check_skill_tool(tool: Tool, section: Section) -> Tool:
    for key in ("entrypoint", "input_schema", "output_schema"):
        if section.raw(key) is not None:
            section.error(key, f"A tool that is a skill gets {key!r} from that skill. Remove the key here.")
    wanted, folder = tool.skill or "", section.reading.folder
    if "/" in wanted:
        section.error("skill", f"{shown(wanted)} has a '/'. Write only the name of a skill of this bundle.")
        return tool
    own = folder.parent or folder.name
    for name in (f"{own}/{wanted}", wanted):
        if name in section.reading.skill_names:
            return tool.model_copy(update={"skill": name})
    if wanted:
        names = {name.removeprefix(f"{own}/") for name in section.reading.skill_names}
        hint = suggestion(wanted, sorted(names)) or " Add the skill, or correct the name."
        section.error("skill", f"The bundle has no skill {wanted!r}.{hint}")
    return tool


def _check_allowed_tools(skill: SkillFile, section: Section) -> None:
    known = BUILT_IN_TOOLS | {tool.name for tool in skill.tools if tool.name}
    if not any(tool.mcp for tool in skill.tools):
        for index, name in enumerate(skill.allowed_tools):
            if name not in known:
                section.warn(("allowed_tools", index), _unknown_tool(name, known))


def _unknown_tool(name: str, known: Iterable[str]) -> str:
    if name in NOT_OFFERED:
        return (
            f"{name!r} is a tool of Puras that is not available on this instance; the agent runs without "
            f"it. {NOT_OFFERED[name]} Remove it from the list if it is not needed."
        )
    hint = suggestion(name, sorted(known)) or " Remove it, or declare it in 'tools'."
    return f"There is no tool {name!r}.{hint}"


def check_memory(memory: MemoryUse, section: Section) -> MemoryUse:
    """Report keys that are not inputs, or have no effect."""
    known = list((section.reading.input_schema or {}).get("properties") or {})
    for index, name in enumerate(memory.keys):
        if name not in known:
            hint = suggestion(name, known) or " Name a property of 'input_schema'."
            section.error(("keys", index), f"There is no input {name!r}.{hint}")
    if memory.keys and not memory.digest:
        section.warn("keys", "'keys' have an effect only with a digest. Add 'digest: true', or remove them.")
    return memory


def memory_without_key(section: Section, reading: Reading, entrypoint: str) -> MemoryUse | None:
    """Return the default of a skill without the key.

    It is that of Puras if the skill names a memory tool, else nothing.
    """
    if section.value.get("memory") is not None:
        return None
    return _PURAS_MEMORY if _names_a_tool(section, reading, entrypoint) else None


def _names_a_tool(section: Section, reading: Reading, entrypoint: str) -> bool:
    """Return whether its list of tools or its prompt names a memory tool.

    Bundles from other instances need no key for it.
    """
    if not entrypoint.lower().endswith(".md"):
        return False
    allowed = section.value.get("allowed_tools")
    if isinstance(allowed, list) and allowed:
        return any(isinstance(name, str) and name.startswith("memory_") for name in allowed)
    try:
        return _MEMORY_TOOLS.search(reading.archive.read(reading.folder.inside(entrypoint))) is not None
    except (PurasError, KeyError):
        return False  # a missing file is reported elsewhere
