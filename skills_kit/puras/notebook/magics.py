"""The magics: `%%skill`, `%%skill_file`, `%skill_check`, `%skill_publish`, `%skill_eval`, `%skill_open`…"""

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
from puras.notebook.errors import CellRefused, said
from puras.notebook.fresh import run_fresh
from puras.notebook.handles import NotebookSkill
from puras.notebook.instance import connect
from puras.notebook.opened import open_job
from puras.notebook.publishing import Choices, Published, publish
from puras.notebook.suites import Asked, Suite, evaluate
from puras.notebook.tables import show_table

__all__ = ["PurasMagics"]


@magics_class
class PurasMagics(Magics):
    """What a notebook can do with skills."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.bench = Bench()

    @magic_arguments()
    @argument("name", help="The skill's name.")
    @argument(
        "--requires", default="", help='Packages it needs, as in requirements.txt: "pandas==3.1 httpx".'
    )
    @argument("--no-form", action="store_true", help="Define it, and show nothing.")
    @cell_magic
    def skill(self, line: str, cell: str) -> None:
        """Define a skill: front matter and a prompt, or a typed function below `@puras.skill`."""
        asked = parse_argstring(self.skill, line)
        try:
            skill = self._read(asked.name, cell, tuple(_words(asked.requires)))
        except CellRefused as refusal:
            raise UsageError(said(refusal)) from None
        if skill is None:
            return  # the cell itself has failed, and IPython has said how
        self.bench.skills[skill.name] = skill
        handle = NotebookSkill(self.bench, skill.name)
        self._shell.user_ns[skill.variable] = handle
        if not asked.no_form:
            display(_form(handle))

    @magic_arguments()
    @argument("name", help="The skill's name.")
    @argument("path", help="Where in the skill's folder, like tools.py or cases.jsonl.")
    @cell_magic
    def skill_file(self, line: str, cell: str) -> None:
        """Add a file to a skill: functions of its tools, references, cases of its evals."""
        asked = parse_argstring(self.skill_file, line)
        try:
            self.bench.add_file(asked.name, asked.path, cell)
        except CellRefused as refusal:
            raise UsageError(said(refusal)) from None

    @magic_arguments()
    @argument("name", help="The skill's name.")
    @argument("--timeout", type=float, default=60.0, help="Seconds for the examples.")
    @argument(
        "--text-only", action="store_true", help="Do not run it in a fresh kernel, nor ask the instance."
    )
    @line_magic
    def skill_check(self, line: str) -> bool:
        """Find what would be missing elsewhere; then run the examples in a fresh kernel. Gives whether all is well."""
        asked = parse_argstring(self.skill_check, line)
        try:
            return self._check(self.bench.skill(asked.name), asked.timeout, text_only=asked.text_only)
        except (CellRefused, PurasAPIError) as refusal:
            raise UsageError(said(refusal)) from None

    @magic_arguments()
    @argument("name", help="The skill's name.")
    @argument("-m", "--message", default="", help="What is new, for the list of versions.")
    @argument("--breaking", action="store_true", help="Publish although callers may break.")
    @argument("--all", action="store_true", help="Publish other changes of the working copy, too.")
    @argument("--replace", action="store_true", help="Write over what somebody else has changed.")
    @argument("--no-activate", action="store_true", help="Make the version, but do not use it yet.")
    @line_magic
    def skill_publish(self, line: str) -> Published:
        """Show what changes and whom it breaks, make a version, wait for its gate, and show how to call it."""
        asked = parse_argstring(self.skill_publish, line)
        choices = Choices(
            notes=_unquoted(asked.message),
            breaking=asked.breaking,
            everything=asked.all,
            replace=asked.replace,
            activate=not asked.no_activate,
        )
        try:
            skill = self.bench.skill(asked.name)
            if not self._check(skill, 60.0, text_only=True):
                raise CellRefused("Nothing was published: mend what is found above first.")
            return publish(self.bench, skill, choices)
        except (CellRefused, PurasAPIError) as refusal:
            raise UsageError(said(refusal)) from None

    @magic_arguments()
    @argument("name", help="The skill's name.")
    @argument("cases", nargs="?", help="A file of cases, which becomes the skill's dataset.")
    @argument("--baseline", help="A version to compare with: 12 or v12.")
    @argument("--repeat", type=int, default=1, help="How often each case runs.")
    @argument("--threshold", type=float, help="Percent of the runs that have to pass.")
    @argument("--model", help="puras/rehearsal, recording, or a model's slug.")
    @line_magic
    def skill_eval(self, line: str) -> Suite:
        """Run the skill on its cases, as jobs, and show how each went beside an earlier version."""
        asked = parse_argstring(self.skill_eval, line)
        wanted = Asked(asked.cases, _version(asked.baseline), asked.repeat, asked.threshold, asked.model)
        try:
            return evaluate(self.bench, self.bench.skill(asked.name), wanted)
        except (CellRefused, PurasAPIError) as refusal:
            raise UsageError(said(refusal)) from None

    @magic_arguments()
    @argument("job", help="The job's id.")
    @argument("path", nargs="?", help="The notebook to write; job-ID.ipynb otherwise.")
    @line_magic
    def skill_open(self, line: str) -> Path:
        """Write a job as a notebook: its inputs, its steps, and cells that go on from them."""
        asked = parse_argstring(self.skill_open, line)
        try:
            return open_job(self.bench.instance, asked.job, Path(asked.path or f"job-{asked.job[:8]}.ipynb"))
        except (CellRefused, PurasAPIError) as refusal:
            raise UsageError(said(refusal)) from None

    @magic_arguments()
    @argument("base", nargs="?", help="Address of the instance.")
    @argument("--skillpack", help="The skillpack to work on; the default one otherwise.")
    @line_magic
    def puras_connect(self, line: str) -> None:
        """Choose the instance and the skillpack; asks for a key where none is set, and keeps it in memory alone."""
        asked = parse_argstring(self.puras_connect, line)
        try:
            instance = connect(asked.base, skillpack=asked.skillpack)
        except PurasAPIError:
            instance = connect(asked.base, getpass.getpass("API key: "), asked.skillpack)
        try:
            project = instance.project()
        except PurasAPIError as refusal:
            raise UsageError(said(refusal)) from None
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
                note = f"In a fresh kernel {fresh.said}, {fresh.duration_s:.1f} s."
            else:
                rows.append(("fresh kernel", "", fresh.said))
        if not text_only:
            rows += self._validated(skill)
        if rows or not text_only:
            title = f"{skill.name}: {len(rows)} to mend" if rows else f"{skill.name} stands alone"
            show_table(title, ("what", "where", "why"), rows, note)
        return not rows

    def _validated(self, skill: CellSkill) -> list[tuple[str, str, str]]:
        """What the instance says of the skill alone; nothing of it is executed."""
        try:
            instance = self.bench.instance
        except PurasAPIError:
            return []  # without a key, the text and the kernel are what can be looked at
        try:
            instance.upload("/v1/deployments/validate", self.bench.bundle(skill), {})
        except PurasAPIError as refusal:
            if refusal.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            return [("instance", one.path, one.message) for one in refusal.errors]
        return []


def _form(handle: NotebookSkill) -> Any:
    """The form where anywidget is installed, else the skill as a table."""
    try:
        from puras.notebook.form import SkillForm
    except ImportError:
        return handle
    return SkillForm(handle)


def _words(text: str) -> list[str]:
    return [one for one in shlex.split(_unquoted(text).replace(",", " ")) if one]


def _unquoted(text: str) -> str:
    """IPython leaves the quotes around an argument."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.removeprefix("v")
    if not digits.isdecimal():
        raise UsageError(f"{text!r} is no version: write 12 or v12.")
    return int(digits)
