"""Keys of agents: models, tools, routing, rails."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, get_args

from backend.core.names import as_name, is_name, suggestion
from backend.skills.manifest import guardrails, mcp_servers
from backend.skills.manifest.sections import Section
from backend.skills.manifest.skill_reader import Reading
from backend.skills.manifest.types import BuiltIn, Routing, Tool
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
MAX_TOOLS: Final = 128


def read(section: Section, reading: Reading, *, is_agentic: bool) -> dict[str, Any]:
    """The fields of the manifest that these keys set."""
    model = _model(section)
    tools = _tools(section, reading)
    allowed = _allowed_tools(section, tools) if is_agentic else section.texts("allowed_tools")
    disables_bash = section.flag("disable_bash")
    if is_agentic:
        _warn_of_readers(section, tools, ways_to_run_code(tools, allowed, disables_bash=disables_bash))
    return {
        "model": model,
        "disable_bash": disables_bash,
        "tools": tools,
        "allowed_tools": allowed,
        "tool_limits": _tool_limits(section),
        "cache_ttl": section.choice("cache_ttl", ("5m", "1h")) or "5m",
        "routing": _routing(section, model),
        "rails": guardrails.read(section, reading, is_agentic=is_agentic),
    }


def ways_to_run_code(
    tools: Iterable[Tool], allowed: Collection[str], *, disables_bash: bool
) -> tuple[str, ...]:
    """Return the names of the tools with which an agent runs code that its model writes."""
    named = (*(() if disables_bash else ("bash",)), *(tool.builtin for tool in tools if tool.builtin))
    return tuple(name for name in named if not allowed or name in allowed)


def readable_helpers(file: str, readers: Iterable[str]) -> str:
    """Return the warning about a confirmed Python tool in a bundle whose agents run code."""
    return (
        f"An approval guards this tool, but {' and '.join(readers)} can read and run every file of the bundle other "
        f"than {file!r}, such as the modules that it imports. Keep what takes effect in {file!r} itself, or let it "
        "need a secret, or take the commands away with 'disable_bash: true'."
    )


def _warn_of_readers(section: Section, tools: Iterable[Tool], readers: tuple[str, ...]) -> None:
    """What an approval does not guard, at the tools that need one."""
    for index, tool in enumerate(tools):
        if tool.confirm and tool.entrypoint and readers:
            file = tool.entrypoint.rpartition(":")[0]
            section.warn(("tools", index, "confirm"), readable_helpers(file, map(repr, readers)))
        if tool.confirm and tool.builtin and "bash" in readers:
            section.warn(
                ("tools", index, "confirm"),
                "Each cell needs an approval, and 'bash' runs Python without one. Set 'disable_bash: true'.",
            )


def _model(section: Section) -> str | None:
    model, text_model = _slug(section, "model"), _slug(section, "text_model")
    if model and text_model and model != text_model:
        section.error("text_model", "'model' and 'text_model' are the same key and differ here. Keep one.")
    return model or text_model


def _slug(section: Section, key: str, *, is_required: bool = False) -> str | None:
    slug = section.text(key, is_required=is_required)
    problem = catalog.current().problem(slug) if slug else None
    if problem:
        section.error(key, problem)
    return slug


def _tools(section: Section, reading: Reading) -> tuple[Tool, ...]:
    found: list[Tool] = []
    names: set[str] = set()
    for tool_section in section.sections("tools", "tools"):
        tool = _tool(tool_section, reading)
        if tool.name and tool.name in names:
            tool_section.error("name", f"Two tools are called {tool.name!r}. Rename one.")
        if tool.name in BUILT_IN_TOOLS:
            tool_section.warn(
                "name", f"{tool.name!r} is a built-in tool, which wins over this one. Rename it."
            )
        names.add(tool.name or "")
        found.append(tool)
    if len(found) > MAX_TOOLS:
        section.error("tools", f"There are more than {MAX_TOOLS} tools. Split the skill.")
    return tuple(found)


def _tool(section: Section, reading: Reading) -> Tool:
    if "builtin" in section.value:
        return _built_in(section)
    fields: dict[str, Any] = {
        "description": section.loose_text("description"),
        "confirm": section.flag("confirm"),
        "read_only": section.flag("read_only"),
        "idempotent": section.flag("idempotent"),
    }
    if "mcp" in section.value:
        return Tool(**fields, **mcp_servers.read(section))
    fields["name"] = tool_name(section)
    if "skill" in section.value:
        return Tool(**fields, **_skill_tool(section, reading))
    entrypoint = section.text("entrypoint", is_required=True)
    if entrypoint:
        reading.function(section, "entrypoint", entrypoint)
    fields["input_schema"] = reading.schema(section, "input_schema")
    fields["output_schema"] = reading.schema(section, "output_schema")
    section.finish("A tool that is a function")
    return Tool(**fields, entrypoint=entrypoint)


def _built_in(section: Section) -> Tool:
    """`{builtin: python}`: what it takes and does is ours to say."""
    if section.choice("builtin", get_args(BuiltIn)) is None and section.value["builtin"] is None:
        section.error("builtin", "Which one? Write 'builtin: python'.")
    confirm = section.flag("confirm")
    section.finish("A built-in tool")
    return Tool(name="python", builtin="python", confirm=confirm)


def tool_name(section: Section) -> str | None:
    name = section.text("name", is_required=True)
    if name and not is_name(name):
        section.error("name", f"{shown(name)} is not a name for a tool. Write {as_name(name)!r}.")
    return name


def _skill_tool(section: Section, reading: Reading) -> dict[str, Any]:
    for key in ("entrypoint", "input_schema", "output_schema"):
        if section.raw(key) is not None:
            section.error(key, f"A tool that is a skill takes {key!r} from that skill. Remove it here.")
    wanted = section.text("skill", is_required=True) or ""
    section.finish("A tool that is a skill")
    if "/" in wanted:
        section.error("skill", f"{shown(wanted)} has a '/'. Write the bare name of a skill of this bundle.")
        return {"skill": wanted}
    own = reading.folder.parent or reading.folder.name
    for name in (f"{own}/{wanted}", wanted):
        if name in reading.skill_names:
            return {"skill": name}
    if wanted:
        names = {name.removeprefix(f"{own}/") for name in reading.skill_names}
        hint = suggestion(wanted, sorted(names)) or " Add the skill, or correct the name."
        section.error("skill", f"The bundle has no skill {wanted!r}.{hint}")
    return {"skill": wanted}


def _allowed_tools(section: Section, tools: tuple[Tool, ...]) -> tuple[str, ...]:
    allowed = section.texts("allowed_tools")
    known = BUILT_IN_TOOLS | {tool.name for tool in tools if tool.name}
    if any(tool.mcp for tool in tools):
        return allowed
    for index, name in enumerate(allowed):
        if name not in known:
            section.warn(("allowed_tools", index), _unknown_tool(name, known))
    return allowed


def _unknown_tool(name: str, known: Iterable[str]) -> str:
    if name in NOT_OFFERED:
        return (
            f"{name!r} is a tool of Puras that this instance does not have; the agent runs without it. "
            f"{NOT_OFFERED[name]} Remove it from the list if it is not needed."
        )
    hint = suggestion(name, sorted(known)) or " Remove it, or declare it in 'tools'."
    return f"There is no tool {name!r}.{hint}"


def _tool_limits(parent: Section) -> dict[str, int]:
    section = parent.section("tool_limits")
    if section is None:
        return {}
    limits = {name: section.whole(name, least=1, most=1_000_000) for name in section.value}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _routing(parent: Section, model: str | None) -> Routing | None:
    section = parent.section("routing")
    if section is None:
        return None
    escalate_to = _slug(section, "escalate_to", is_required=True)
    if escalate_to and escalate_to == model:
        section.error("escalate_to", f"{escalate_to!r} is the skill's own model. Name a stronger one.")
    triggers = section.choices("on", ("schema_fail",))
    after = section.whole("after", least=1, most=1_000)
    section.finish("'routing'")
    given = {"on": triggers} if triggers else {}
    return Routing(escalate_to=escalate_to or "", after=after or 2, **given)
