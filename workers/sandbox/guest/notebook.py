"""Extend the kernel for notebooks of the studio: `puras`, and `%%skill` cells.

Such a cell is parsed where it runs, since its schemas come from the function itself. The page that has run it
writes the files into the draft; this module does not connect to the instance.
"""

from __future__ import annotations

import shlex
from functools import partial
from typing import Any, Final

SKILL_TYPE: Final = "application/vnd.puras.skill+json"
_USAGE: Final = 'Write the cell as `%%skill NAME`, with `--requires "pandas==3.1"` for packages.'


_NO_KEY: Final = "A kernel of the studio has no API key, so that no cell can start jobs or read them. "
_ON_THE_PAGE: Final = {
    "skill_check": "The card below a %%skill cell shows the problems of the skill.",
    "skill_publish": "Publish with the button of the card below the skill's cell.",
    "skill_eval": "Run the skill's cases on the Evals page.",
    "skill_open": "Open the page of the job and click Notebook.",
    "puras_connect": "A connection is not needed. Try it and Publish are in the card below a %%skill cell.",
}
"""Alternatives to the magics of a Jupyter outside of the studio."""


def start(shell: Any) -> None:
    """Define the names of a new kernel."""
    import puras

    vars(puras)["attach"] = _attach
    shell.user_ns["puras"] = puras
    shell.extension_manager.loaded.add("puras")  # `%load_ext puras` of other notebooks needs no action
    shell.register_magic_function(partial(_skill, shell), "cell", "skill")
    for name, instead in _ON_THE_PAGE.items():
        shell.register_magic_function(partial(_refuse, f"%{name}", instead), "line", name)
    file = "Add the file in the editor, to the folder of the skill."
    shell.register_magic_function(partial(_refuse, "%%skill_file", file), "cell", "skill_file")


class Skill:
    """The object that a `%%skill` cell defines: its function can be called here; the page starts jobs."""

    def __init__(self, name: str, function: Any) -> None:
        self.name = name
        self._function = function

    def __repr__(self) -> str:
        return f"<skill {self.name}>"

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Call the function."""
        if self._function is None:
            raise _unavailable(self.name, "Try it, in the card below its cell, runs the prompt as a job.")
        return self._function(*positional, **named)

    def __getattr__(self, name: str) -> Any:
        if name in ("run", "submit", "map", "at"):
            hint = (
                ""
                if self._function is None
                else f"Call {self.name.replace('-', '_')}(…) to run it in this kernel. "
            )
            job = "Try it, in the card below its cell, runs it as a job of the draft."
            return partial(_raise, f"{self.name}.{name}", hint + job)
        return getattr(self._function, name)


def _attach(job_id: str = "…") -> Any:
    """Reject `puras.attach`: the page of a job shows its progress."""
    raise _unavailable(
        "puras.attach",
        f"The page of the job, /jobs/{job_id}, shows its progress; its button Notebook opens it as a "
        "notebook.",
    )


def _raise(what: str, instead: str, *_: Any, **__: Any) -> None:
    raise _unavailable(what, instead)


def _refuse(what: str, instead: str, *_: Any) -> None:
    from IPython.core.error import UsageError

    raise UsageError(str(_unavailable(what, instead)))


def _unavailable(what: str, instead: str) -> Exception:
    from puras.notebook.errors import CellRefused

    return CellRefused(f"{what} is only available in your own Jupyter. {_NO_KEY}{instead}")


def _skill(shell: Any, line: str, cell: str) -> None:
    """Define a skill: front matter and a prompt, or a typed function below `@puras.skill`."""
    from IPython.core.error import UsageError
    from puras.notebook.cells import function_cell, is_function_cell, prompt_cell
    from puras.notebook.errors import CellRefused, message_of

    name, requires = _parse_line(line)
    try:
        if not is_function_cell(cell):
            skill = prompt_cell(name, cell, requires)
        else:
            if not shell.run_cell(cell, store_history=False).success:
                raise UsageError("The cell has failed, so it does not define a skill yet.")
            skill = function_cell(name, cell, shell.user_ns, requires)
    except CellRefused as refusal:
        raise UsageError(message_of(refusal)) from None
    shell.user_ns[skill.variable] = Skill(skill.name, skill.function)
    metadata = {"name": skill.name, "kind": skill.kind, "files": dict(skill.files)}
    shell.display_pub.publish({SKILL_TYPE: metadata, "text/plain": f"The skill {skill.name}"})


def _parse_line(line: str) -> tuple[str, tuple[str, ...]]:
    from IPython.core.error import UsageError

    try:
        arguments = shlex.split(line)
    except ValueError:
        arguments = []
    match arguments:
        case [name] | [name, "--no-form"]:
            return name, ()
        case [name, "--requires", packages]:
            return name, tuple(packages.split())
        case _:
            raise UsageError(_USAGE)
