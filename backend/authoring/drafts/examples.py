"""Add an example to a skill.yaml without any other change of the file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import yaml
from sqlalchemy.ext.asyncio import AsyncSession

from backend.authoring.drafts import publishing, reading, writing
from backend.authoring.drafts.tables import DraftFile
from backend.core.errors import Invalid, Problem
from backend.identity.auth.principal import Principal, Role
from backend.skills.skillpacks.tables import Skillpack

_KEY = "examples"


async def add(
    session: AsyncSession, principal: Principal, pack: Skillpack, skill: str, example: Mapping[str, Any]
) -> DraftFile:
    """Add an example to the skill's `skill.yaml`, and return the file.

    Raises:
        Invalid: The draft has no such skill or has problems, or the skill is a plain Agent Skill.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    checked = await publishing.check(session, principal, pack)
    if checked.manifest is None:
        raise _invalid("The draft has problems. Fix them in the editor first.", checked.problems)
    found = checked.manifest.find(skill)
    if found is None:
        raise _invalid(f"The draft has no skill {skill!r}. Use the name of one of its skills.")
    if found.origin != "skill_yaml":
        raise _invalid(f"{skill!r} is a plain Agent Skill, which has no examples. Add a skill.yaml first.")
    path = f"{found.path}/skill.yaml"
    stored = await reading.read_file(session, principal, pack, path)
    text = await asyncio.to_thread(with_example, stored.content.decode("utf-8"), example)
    content = reading.Content(text.encode(), stored.is_executable)
    return await writing.write(
        session, principal, pack, path, content, expected_revision=str(stored.revision)
    )


def with_example(text: str, example: Mapping[str, Any]) -> str:
    """Return the text of a skill.yaml with the example added as the last one.

    Raises:
        Invalid: Nothing can be added safely to the text.
    """
    result, before = _with_item(text, example), yaml.safe_load(text)
    try:
        after = yaml.safe_load(result)
    except yaml.YAMLError:
        after = None
    if after != {**before, _KEY: [*(before.get(_KEY) or []), dict(example)]}:
        raise _invalid(
            "The example cannot be added to this skill.yaml without other changes. Add it in the editor."
        )
    return result


def _with_item(text: str, example: Mapping[str, Any]) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    existing = next((value for key, value in pairs if key.value == _KEY), None)
    item = yaml.safe_dump([dict(example)], sort_keys=False, allow_unicode=True, width=100)
    if existing is None:
        return f"{_terminated(text)}{_KEY}:\n{_indented(item, 2)}"
    if not isinstance(existing, yaml.SequenceNode):
        return f"{text[: existing.start_mark.index]}\n{_indented(item, 2)}{text[existing.end_mark.index :]}"
    if existing.flow_style or not existing.value:
        all_items = yaml.safe_load(text)[_KEY]
        block = yaml.safe_dump([*all_items, dict(example)], sort_keys=False, allow_unicode=True, width=100)
        head, rest = text[: existing.start_mark.index].rstrip(" "), text[existing.end_mark.index :]
        return f"{head}\n{_indented(block, 2).rstrip()}{rest}"
    column = existing.start_mark.column
    lines = text[: existing.value[-1].end_mark.index].splitlines(keepends=True)
    while _is_after_list(lines[-1], column):  # comments about the next key stay before it
        lines.pop()
    head = "".join(lines)
    return f"{_terminated(head)}{_indented(item, column)}{text[len(head) :]}"


def _is_after_list(line: str, column: int) -> bool:
    """Return whether a line after a list belongs to none of its items.

    Such a line is blank, or a comment that is not indented deeper.
    """
    stripped = line.lstrip()
    return not stripped or (stripped.startswith("#") and len(line) - len(stripped) <= column)


def _terminated(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"


def _indented(block: str, columns: int) -> str:
    return "".join(" " * columns + line if line.strip() else line for line in block.splitlines(keepends=True))


def _invalid(message: str, problems: Any = ()) -> Invalid:
    return Invalid(message, list(problems) or [Problem("skill", message)])
