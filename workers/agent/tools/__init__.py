"""The tools of an agent that work in its workroom: commands, files, its list, and the functions of its skill."""

from __future__ import annotations

from backend.skills.manifest.effects import NONE, Effects
from backend.skills.manifest.types import Skill
from workers.agent.tools.bash import Bash
from workers.agent.tools.file_read import FileRead
from workers.agent.tools.files import FileEdit, FileWrite
from workers.agent.tools.python_tools import python_tools
from workers.agent.tools.todo import TodoWrite
from workers.agent.types import Tool


def workroom_tools(skill: Skill, *, vision: bool, pdf: bool, confirmed: Effects = NONE) -> list[Tool]:
    """What a skill is offered for its workroom, by a model that sees pictures or takes PDFs, or not.

    A built-in tool comes before one of the skill's of the same name.
    """
    built_in: list[Tool] = [FileRead(vision=vision, pdf=pdf), FileWrite(), FileEdit(), TodoWrite()]
    if not skill.disable_bash:
        built_in.insert(0, Bash())
    taken = {tool.spec.name for tool in built_in}
    return [*built_in, *(tool for tool in python_tools(skill, confirmed) if tool.spec.name not in taken)]
