"""What a notebook of the studio has in its kernel beside Python: `puras`, and `%%skill` cells.

Such a cell is taken apart where it runs, since its schemas come from a function that is alive. The page that has run it
puts the files into the working copy; nothing here reaches the instance.
"""

from __future__ import annotations

import shlex
from functools import partial
from typing import Any, Final

SKILL_TYPE: Final = "application/vnd.puras.skill+json"
_USAGE: Final = 'Write the cell as `%%skill NAME`, with `--requires "pandas==3.1"` for packages.'


def begin(shell: Any) -> None:
    """Give a fresh kernel its names."""
    import puras

    shell.user_ns["puras"] = puras
    shell.extension_manager.loaded.add(
        "puras"
    )  # `%load_ext puras` of notebooks from elsewhere has nothing to do
    shell.register_magic_function(partial(_skill, shell), "cell", "skill")


def _skill(shell: Any, line: str, cell: str) -> None:
    """Define a skill: front matter and a prompt, or a typed function below `@puras.skill`."""
    from IPython.core.error import UsageError
    from puras.notebook.cells import function_cell, is_function_cell, prompt_cell
    from puras.notebook.errors import CellRefused, said

    name, requires = _asked(line)
    try:
        if not is_function_cell(cell):
            skill = prompt_cell(name, cell, requires)
        else:
            if not shell.run_cell(cell, store_history=False).success:
                raise UsageError("The cell itself has failed, so that it is no skill yet.")
            skill = function_cell(name, cell, shell.user_ns, requires)
    except CellRefused as refusal:
        raise UsageError(said(refusal)) from None
    told = {"name": skill.name, "kind": skill.kind, "files": dict(skill.files)}
    shell.display_pub.publish({SKILL_TYPE: told, "text/plain": f"The skill {skill.name}"})


def _asked(line: str) -> tuple[str, tuple[str, ...]]:
    from IPython.core.error import UsageError

    try:
        words = shlex.split(line)
    except ValueError:
        words = []
    match words:
        case [name] | [name, "--no-form"]:
            return name, ()
        case [name, "--requires", packages]:
            return name, tuple(packages.split())
        case _:
            raise UsageError(_USAGE)
