"""Define the magics of notebooks: `%%skill`, `%skill_check`, `%skill_publish`, `%skill_eval` and others."""

from __future__ import annotations

import getpass
import shlex
from http import HTTPStatus
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from puras.client.errors import PurasAPIError
from puras.notebook.bench import Bench
from puras.notebook.cells import CellSkill, function_cell, is_function_cell, prompt_cell
from puras.notebook.checks import findings
from puras.notebook.errors import CellRefused, message_of
from puras.notebook.fresh import run_fresh
from puras.notebook.handles import NotebookSkill
from puras.notebook.instance import connect
from puras.notebook.opened import open_job
from puras.notebook.publishing import Choices, Published, publish
from puras.notebook.suites import Suite, SuiteRequest, evaluate
from puras.notebook.tables import show_table

__all__ = ["PurasMagics"]


@magics_class
class PurasMagics(Magics):
    """The magics that define, check, publish and evaluate skills."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.bench = Bench()

    @magic_arguments()
    @argument("name", help="Name of the skill.")
    @argument(
        "--requires",
        default="",
        help='Required packages, as in requirements.txt, for example "pandas==3.1 httpx".',
    )
    @argument("--no-form", action="store_true", help="Do not display the form of the skill.")
    @cell_magic
    def skill(self, line: str, cell: str) -> None:
        """Define a skill: a prompt after optional front matter, or a typed function with `@puras.skill`.

        Example: `%%skill word-count --requires "httpx"`
        """
        arguments = parse_argstring(self.skill, line)
        try:
            skill = self._read(arguments.name, cell, tuple(_words(arguments.requires)))
        except CellRefused as error:
            raise UsageError(message_of(error)) from None
        if skill is None:
            return  # the cell has raised an error, which IPython has displayed
        self.bench.skills[skill.name] = skill
        handle = NotebookSkill(self.bench, skill.name)
        self._shell.user_ns[skill.variable] = handle
        if not arguments.no_form:
            display(_form(handle))

    @magic_arguments()
    @argument("name", help="Name of the skill.")
    @argument("path", help="Path in the folder of the skill, such as tools.py or cases.jsonl.")
    @cell_magic
    def skill_file(self, line: str, cell: str) -> None:
        """Add a file to a skill, such as the functions of its tools, a reference, or the cases of its evals.

        Example: `%%skill_file word-count cases.jsonl`
        """
        arguments = parse_argstring(self.skill_file, line)
        try:
            self.bench.add_file(arguments.name, arguments.path, cell)
        except CellRefused as error:
            raise UsageError(message_of(error)) from None

    @magic_arguments()
    @argument("name", help="Name of the skill.")
    @argument("--timeout", type=float, default=60.0, help="Maximum seconds for the examples; default: 60.")
    @argument(
        "--text-only",
        action="store_true",
        help="Check only the text: run no examples, and send nothing to the instance.",
    )
    @line_magic
    def skill_check(self, line: str) -> bool:
        """Check whether a skill runs outside of this kernel, and run its examples in a new kernel.

        Returns whether no problem was found. Example: `%skill_check word-count`
        """
        arguments = parse_argstring(self.skill_check, line)
        try:
            return self._check(
                self.bench.skill(arguments.name), arguments.timeout, text_only=arguments.text_only
            )
        except (CellRefused, PurasAPIError) as error:
            raise UsageError(message_of(error)) from None

    @magic_arguments()
    @argument("name", help="Name of the skill.")
    @argument("-m", "--message", default="", help="Release notes of the version.")
    @argument("--breaking", action="store_true", help="Publish although the version breaks callers.")
    @argument("--all", action="store_true", help="Publish the other changes of the draft, too.")
    @argument("--replace", action="store_true", help="Overwrite files that another user has changed.")
    @argument("--no-activate", action="store_true", help="Publish without activating the version.")
    @line_magic
    def skill_publish(self, line: str) -> Published:
        """Show the changes and their effect on callers, publish a version, and wait for its eval gate.

        At the end, show example calls of the version.
        Example: `%skill_publish word-count -m "Counts hyphenated words"`
        """
        arguments = parse_argstring(self.skill_publish, line)
        choices = Choices(
            notes=_unquoted(arguments.message),
            breaking=arguments.breaking,
            everything=arguments.all,
            replace=arguments.replace,
            activate=not arguments.no_activate,
        )
        try:
            skill = self.bench.skill(arguments.name)
            if not self._check(skill, 60.0, text_only=True):
                raise CellRefused("Nothing was published. Fix the problems above first.")
            return publish(self.bench, skill, choices)
        except (CellRefused, PurasAPIError) as error:
            raise UsageError(message_of(error)) from None

    @magic_arguments()
    @argument("name", help="Name of the skill.")
    @argument("cases", nargs="?", help="A file with cases, which replaces the dataset of the skill.")
    @argument("--baseline", help="Version to compare with, such as 12 or v12.")
    @argument("--repeat", type=int, default=1, help="Number of runs of each case; default: 1.")
    @argument("--threshold", type=float, help="Percentage of runs that must pass.")
    @argument(
        "--model",
        help="ID of a model; puras/rehearsal simulates a model, `recording` replays recorded replies.",
    )
    @line_magic
    def skill_eval(self, line: str) -> Suite:
        """Run the eval cases of a skill as jobs, and show the results, compared with an earlier version.

        Example: `%skill_eval word-count --baseline 3`
        """
        arguments = parse_argstring(self.skill_eval, line)
        request = SuiteRequest(
            arguments.cases,
            _version(arguments.baseline),
            arguments.repeat,
            arguments.threshold,
            arguments.model,
        )
        try:
            return evaluate(self.bench, self.bench.skill(arguments.name), request)
        except (CellRefused, PurasAPIError) as error:
            raise UsageError(message_of(error)) from None

    @magic_arguments()
    @argument("job", help="ID of the job.")
    @argument("path", nargs="?", help="Path of the new notebook; default: job-ID.ipynb.")
    @line_magic
    def skill_open(self, line: str) -> Path:
        """Write a job as a notebook, with its inputs, its steps, and cells that continue from them.

        Example: `%skill_open JOB_ID`
        """
        arguments = parse_argstring(self.skill_open, line)
        try:
            return open_job(
                self.bench.instance, arguments.job, Path(arguments.path or f"job-{arguments.job[-8:]}.ipynb")
            )
        except (CellRefused, PurasAPIError) as error:
            raise UsageError(message_of(error)) from None

    @magic_arguments()
    @argument("base", nargs="?", help="URL of the instance.")
    @argument("--skillpack", help="Slug of the skillpack; default: the default skillpack of the project.")
    @line_magic
    def puras_connect(self, line: str) -> None:
        """Select the instance and the skillpack. Ask for an API key if none is set, and keep it only in memory.

        Example: `%puras_connect https://studio.example.com`
        """
        arguments = parse_argstring(self.puras_connect, line)
        try:
            instance = connect(arguments.base, skillpack=arguments.skillpack)
        except PurasAPIError:
            instance = connect(arguments.base, getpass.getpass("API key: "), arguments.skillpack)
        try:
            project = instance.project()
        except PurasAPIError as error:
            raise UsageError(message_of(error)) from None
        self.bench.use(instance)
        print(f"Connected to the project {project.get('name') or project.get('slug')} at {instance.base}.")  # noqa: T201

    @property
    def _shell(self) -> Any:
        return self.shell

    def _read(self, name: str, cell: str, requires: tuple[str, ...]) -> CellSkill | None:
        if not is_function_cell(cell):
            return prompt_cell(name, cell, requires)
        if not self._shell.run_cell(cell, store_history=False).success:
            return None
        return function_cell(name, cell, self._shell.user_ns, requires)

    def _check(self, skill: CellSkill, within_s: float, *, text_only: bool) -> bool:
        files = self.bench.files(skill)
        found = findings(skill, files, self._shell.user_ns)
        rows: list[tuple[str, str, str]] = [
            (one.kind, f"{one.file}:{one.line}", one.message) for one in found
        ]
        note = ""
        if not text_only and not found and skill.function is not None:
            fresh = run_fresh(skill, files, within_s=within_s)
            if fresh.is_good:
                note = f"In a new kernel: {fresh.message}, {fresh.duration_s:.1f} s."
            else:
                rows.append(("new kernel", "", fresh.message))
        if not text_only:
            rows += self._validated(skill)
        if rows or not text_only:
            title = f"{skill.name}: {_counted(rows)} to fix" if rows else f"{skill.name}: no problems found"
            show_table(title, ("Kind", "Location", "Problem"), rows, note)
        return not rows

    def _validated(self, skill: CellSkill) -> list[tuple[str, str, str]]:
        """Return the problems that the instance finds in a bundle with only this skill. No code is executed."""
        try:
            instance = self.bench.instance
        except PurasAPIError:
            return []  # without a key, only the text and the kernel are checked
        try:
            instance.upload("/v1/deployments/validate", self.bench.bundle(skill), {})
        except PurasAPIError as error:
            if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            return [("instance", one.path, one.message) for one in error.errors]
        return []


def _form(handle: NotebookSkill) -> Any:
    """Return the form if anywidget is installed, otherwise the skill, which is displayed as a table."""
    try:
        from puras.notebook.form import SkillForm
    except ImportError:
        return handle
    return SkillForm(handle)


def _words(text: str) -> list[str]:
    return [one for one in shlex.split(_unquoted(text).replace(",", " ")) if one]


def _unquoted(text: str) -> str:
    """Return an argument without its quotes, which IPython does not remove."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _counted(rows: list[tuple[str, str, str]]) -> str:
    return f"{len(rows)} problem{'' if len(rows) == 1 else 's'}"


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.removeprefix("v")
    if not digits.isdecimal():
        raise UsageError(f"{text!r} is not a version. Use a number, such as 12 or v12.")
    return int(digits)
