"""Create the tools of an agent that use its workspace.

They are commands, files, todos, and the functions of its skill.
"""

from __future__ import annotations

from backend.skills.manifest.effects import NONE, Effects
from backend.skills.manifest.types import Skill
from workers.agent.tools.bash import Bash
from workers.agent.tools.file_read import FileRead
from workers.agent.tools.files import FileEdit, FileWrite
from workers.agent.tools.python_tools import python_tools
from workers.agent.tools.todo import TodoWrite
from workers.agent.types import Tool


def workspace_tools(skill: Skill, *, vision: bool, pdf: bool, confirmed: Effects = NONE) -> list[Tool]:
    """Return the workspace tools of a skill, for a model with or without vision and PDF input.

    A built-in tool comes before one of the skill's of the same name.
    """
    built_in: list[Tool] = [FileRead(vision=vision, pdf=pdf), FileWrite(), FileEdit(), TodoWrite()]
    if not skill.disable_bash:
        built_in.insert(0, Bash())
    taken = {tool.spec.name for tool in built_in}
    return [*built_in, *(tool for tool in python_tools(skill, confirmed) if tool.spec.name not in taken)]
