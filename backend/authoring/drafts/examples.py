"""Writing an example into a skill.yaml, and leaving every other character of it as it is."""

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
    """The skill's `skill.yaml`, written with one example more.

    Raises:
        Invalid: the working copy has no such skill, or has problems, or it is a plain Agent Skill.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    checked = await publishing.check(session, principal, pack)
    if checked.manifest is None:
        raise _wrong("The working copy has problems. Mend them in the editor first.", checked.problems)
    found = checked.manifest.find(skill)
    if found is None:
        raise _wrong(f"The working copy has no skill {skill!r}. Name one that is there.")
    if found.origin != "skill_yaml":
        raise _wrong(f"{skill!r} is a plain Agent Skill, which has no examples. Give it a skill.yaml first.")
    path = f"{found.path}/skill.yaml"
    kept = await reading.read(session, principal, pack, path)
    text = await asyncio.to_thread(with_example, kept.content.decode("utf-8"), example)
    content = reading.Content(text.encode(), kept.is_executable)
    return await writing.write(session, principal, pack, path, content, seen=str(kept.revision))


def with_example(text: str, example: Mapping[str, Any]) -> str:
    """The text of a skill.yaml with the example as the last one.

    Raises:
        Invalid: it is written in a way to which nothing can be added safely.
    """
    written, before = _added(text, example), yaml.safe_load(text)
    try:
        after = yaml.safe_load(written)
    except yaml.YAMLError:
        after = None
    if after != {**before, _KEY: [*(before.get(_KEY) or []), dict(example)]}:
        raise _wrong(
            "The skill.yaml is written in a way to which nothing can be added. Add it in the editor."
        )
    return written


def _added(text: str, example: Mapping[str, Any]) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    known = next((value for key, value in pairs if key.value == _KEY), None)
    item = yaml.safe_dump([dict(example)], sort_keys=False, allow_unicode=True, width=100)
    if known is None:
        return f"{_ended(text)}{_KEY}:\n{_indented(item, 2)}"
    if not isinstance(known, yaml.SequenceNode):
        return f"{text[: known.start_mark.index]}\n{_indented(item, 2)}{text[known.end_mark.index :]}"
    if known.flow_style or not known.value:
        whole = yaml.safe_load(text)[_KEY]
        block = yaml.safe_dump([*whole, dict(example)], sort_keys=False, allow_unicode=True, width=100)
        head, rest = text[: known.start_mark.index].rstrip(" "), text[known.end_mark.index :]
        return f"{head}\n{_indented(block, 2).rstrip()}{rest}"
    column = known.start_mark.column
    lines = text[: known.value[-1].end_mark.index].splitlines(keepends=True)
    while _is_beside(lines[-1], column):  # what is said of the next key stays with it
        lines.pop()
    head = "".join(lines)
    return f"{_ended(head)}{_indented(item, column)}{text[len(head) :]}"


def _is_beside(line: str, column: int) -> bool:
    """Whether a line behind a list is none of its items': blank, or a comment that stands no deeper."""
    bare = line.lstrip()
    return not bare or (bare.startswith("#") and len(line) - len(bare) <= column)


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"


def _indented(block: str, columns: int) -> str:
    return "".join(" " * columns + line if line.strip() else line for line in block.splitlines(keepends=True))


def _wrong(sentence: str, problems: Any = ()) -> Invalid:
    return Invalid(sentence, list(problems) or [Problem("skill", sentence)])
