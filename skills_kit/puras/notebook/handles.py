"""Skills in a notebook, which can be called, run here or as jobs, and run for the rows of a table."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any, Literal

from puras.notebook.batch import run_rows
from puras.notebook.bench import Bench
from puras.notebook.cells import CellSkill
from puras.notebook.errors import CellRefused
from puras.notebook.instance import once
from puras.notebook.runs import JobRun, LocalRun, run_here
from puras.notebook.trace import Trace
from puras.renamed import renamed_parameters

__all__ = ["NotebookSkill", "PublishedSkill"]

Where = Literal["here", "server"]


class NotebookSkill:
    """A skill that a cell defines. It uses the files of the last execution of the cell."""

    def __init__(self, bench: Bench, name: str) -> None:
        self._bench = bench
        self.name = name

    def __repr__(self) -> str:
        skill = self.cell
        return f"<skill {self.name} ({skill.kind}): {skill.variable}.run({_call_shown(skill)})>"

    def _repr_html_(self) -> str:
        return described(self.cell)

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Call the function directly; run a prompt as a job, and return its result."""
        skill = self.cell
        if skill.function is not None:
            return skill.function(*positional, **named)
        if positional:
            raise CellRefused(
                f"Pass the inputs of {self.name} by name, for example {self.name.replace('-', '_')}(input=…)."
            )
        return self.run(named, show=False).result

    @property
    def cell(self) -> CellSkill:
        """Return the present definition of the cell."""
        return self._bench.skill(self.name)

    def run(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        where: Where | None = None,
        show: bool = True,
        replace: bool = False,
        on_change: Callable[[Trace], None] | None = None,
        **named: Any,
    ) -> JobRun | LocalRun:
        """Run the skill and follow the run to its end.

        A function runs in this kernel, or as a job with `where="server"`. A prompt always runs as a job, in the sandbox
        and with the models of the instance.

        Raises:
            CellRefused: An input is missing or unknown, or another user has changed the files of the skill.
            PurasAPIError: The instance rejected the request.
        """
        skill = self.cell
        given = {**(inputs or {}), **named}
        place = where or ("here" if skill.function is not None else "server")
        if place == "here":
            if skill.function is None:
                raise CellRefused(
                    'A prompt cannot run in this kernel, since it needs the models of an instance. Use where="server".'
                )
            _require(skill, given)
            return run_here(self.name, skill.function, given, show=show, on_change=on_change)
        run = self.submit(given, replace=replace)
        return run.follow(show=show, on_change=on_change)

    def submit(
        self, inputs: Mapping[str, Any] | None = None, *, replace: bool = False, **options: Any
    ) -> JobRun:
        """Run the skill of the draft as a job, and do not wait. Options are fields of the request, such as `limits`."""
        skill = self.cell
        self._bench.put(skill, replace=replace)
        job_id = self._bench.run_draft(skill, inputs or {}, options)
        return JobRun(self._bench.instance, job_id, f"{self.name} · job {job_id}")

    @renamed_parameters(at_once="concurrency", cost_usd="budget_usd")
    def map(
        self,
        rows: Any,
        *,
        where: Where | None = None,
        concurrency: int = 8,
        budget_usd: float | None = None,
        show: bool = True,
    ) -> Any:
        """Run the skill for each row and return a DataFrame of the rows with their results.

        Args:
            rows: A DataFrame, or a list of objects.
            where: "here" runs in the kernel, "server" as jobs. Default: "here" for functions, "server" for prompts.
            concurrency: Maximum number of jobs that run at the same time.
            budget_usd: Maximum total cost in US dollars. Rows that it does not cover are not run.
            show: Display the progress.
        """
        skill = self.cell
        function = skill.function
        if (where or ("here" if function else "server")) == "here":
            if function is None:
                raise CellRefused(
                    'A prompt cannot run in this kernel, since it needs the models of an instance. Use where="server".'
                )

            def here(inputs: Mapping[str, Any], _: Mapping[str, Any]) -> LocalRun:
                return run_here(self.name, function, inputs, show=False)

            return run_rows(
                rows, skill.settings["input_schema"], here, concurrency=1, budget_usd=None, show=show
            )
        self._bench.put(skill)

        def on_server(inputs: Mapping[str, Any], options: Mapping[str, Any]) -> JobRun:
            job_id = self._bench.run_draft(skill, inputs, options)
            return JobRun(self._bench.instance, job_id).follow(show=False)

        return run_rows(
            rows,
            skill.settings["input_schema"],
            on_server,
            concurrency=concurrency,
            budget_usd=budget_usd,
            show=show,
        )

    def at(self, version: int | None = None) -> PublishedSkill:
        """Return the skill of a published version; without a version, of the active version at the time of each run."""
        return PublishedSkill(self._bench, self.name, version)


class PublishedSkill:
    """A skill of a published version, independent of its cell."""

    def __init__(self, bench: Bench, name: str, version: int | None) -> None:
        self._bench = bench
        self.name = name
        self.version = version

    def __repr__(self) -> str:
        return f"<skill {self.name} of {'the active version' if self.version is None else f'version {self.version}'}>"

    def run(self, inputs: Mapping[str, Any] | None = None, *, show: bool = True, **named: Any) -> JobRun:
        """Run the version as a job, and follow it to its end."""
        job = self._submitted({**(inputs or {}), **named}, {})
        return JobRun(self._bench.instance, job, f"{self.name} · job {job}").follow(show=show)

    @renamed_parameters(at_once="concurrency", cost_usd="budget_usd")
    def map(
        self, rows: Any, *, concurrency: int = 8, budget_usd: float | None = None, show: bool = True
    ) -> Any:
        """Run the version for each row, like `NotebookSkill.map`."""
        query = {"version": self.version, "skillpack": self._bench.instance.skillpack}
        described = self._bench.instance.ask("GET", f"/v1/skills/{self.name}", query=query)

        def on_server(inputs: Mapping[str, Any], options: Mapping[str, Any]) -> JobRun:
            return JobRun(self._bench.instance, self._submitted(inputs, options)).follow(show=False)

        return run_rows(
            rows,
            described["input_schema"],
            on_server,
            concurrency=concurrency,
            budget_usd=budget_usd,
            show=show,
        )

    def _submitted(self, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> str:
        instance = self._bench.instance
        query = {"version": self.version, "skillpack": instance.skillpack}
        body = {"skill": self.name, "inputs": dict(inputs), "source": "notebook", **options}
        return str(instance.ask("POST", "/v1/jobs", body, query=query, headers=once())["id"])


def described(skill: CellSkill) -> str:
    """Return the skill as an HTML table of its inputs."""
    schema = skill.settings["input_schema"]
    rows = "".join(
        f"<tr><td><code>{html.escape(name)}</code></td><td>{html.escape(_kind(one))}</td>"
        f"<td>{'required' if name in schema.get('required', ()) else ''}</td>"
        f"<td>{html.escape(str(one.get('description', '')))}</td></tr>"
        for name, one in (schema.get("properties") or {}).items()
    )
    call = html.escape(f"{skill.variable}.run({_call_shown(skill)})")
    about = html.escape(str(skill.settings.get("description") or ""))
    return f"<strong>{html.escape(skill.name)}</strong> {about}<table>{rows}</table><code>{call}</code>"


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(repr(one) for one in schema["enum"])
    return str(schema.get("type", "any"))


def _call_shown(skill: CellSkill) -> str:
    example = next(iter(skill.examples), None)
    if example:
        return ", ".join(f"{name}={value!r}" for name, value in example.items())[:120]
    return ", ".join(f"{name}=…" for name in skill.settings["input_schema"].get("properties") or {})


def _require(skill: CellSkill, given: Mapping[str, Any]) -> None:
    schema = skill.settings["input_schema"]
    properties = schema.get("properties") or {}
    missing = [name for name in schema.get("required", ()) if name not in given]
    unknown = [name for name in given if name not in properties and not schema.get("additionalProperties")]
    if missing:
        raise CellRefused(f"Required inputs of {skill.name} are missing: {', '.join(missing)}.")
    if unknown:
        raise CellRefused(
            f"Unknown inputs of {skill.name}: {', '.join(unknown)}. Its inputs: {', '.join(properties) or 'none'}."
        )
