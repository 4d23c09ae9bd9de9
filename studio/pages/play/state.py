"""The state of the playground: the skill, its form, and up to four columns with their jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any, Final, cast
from urllib.parse import quote, urlencode
from uuid import UUID

import reflex as rx

from backend.core.errors import Invalid, Missing
from backend.execution.jobs.queries import get_job
from backend.identity.environments import ENVIRONMENTS, PRODUCTION, Environment
from backend.skills.deployments import service as deployments
from studio import session
from studio.pages.play.choices import ModelOption, VersionOption, choices_of, models_of, skill_of
from studio.pages.play.columns import (
    DRAFT,
    INPUTS_PREFIX,
    MAX_COLUMNS,
    Column,
    Prompt,
    columns_of,
    job_id,
    prompt_in,
    query_of,
)
from studio.pages.play.runs import REFUSALS, RunInColumn, submit_run
from studio.session import Act
from studio.shell import Shell
from studio.skills import ExampleView, SkillView, active_skills
from studio.typing_of_reflex import AsyncUpdates, Handled

VIEWS: Final = [
    {"id": "steps", "label": "Steps"},
    {"id": "result", "label": "Result"},
    {"id": "json", "label": "JSON"},
]


class Play(rx.State):
    """The skill of the playground, its form, and its columns."""

    name: str = ""
    skillpack: str = ""
    """The slug of the skillpack."""
    full_name: str = ""
    here: str = ""
    """The last part of the URL, in the form of `SkillView.play`."""
    others: list[SkillView] = []
    title: str = ""
    description: str = ""
    examples: list[ExampleView] = []
    has_form: bool = False
    """Whether the version of the first column has the skill."""
    input_schema: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    """The inputs with which the form was filled last. What the user types stays in the browser until a run."""
    filled: int = 0
    """Increases when the form is filled."""
    errors: dict[str, str] = {}
    """Error messages by the JSON path of the invalid input."""
    problem: str = ""
    environment: Environment = PRODUCTION
    environments: list[str] = []
    versions: list[VersionOption] = []
    active: str = ""
    """The number of the active version."""
    models: list[ModelOption] = []
    is_simulated: bool = False
    """Whether a run will be simulated, since no language model has an API key."""
    columns: list[Column] = []
    jobs: list[str] = []
    """The IDs of the jobs of the columns."""
    ended: list[str] = []
    """The IDs of jobs that have ended."""
    is_busy: bool = False
    view: str = "result"
    estimate: str = ""
    """URL of the estimate of the cost of a run; empty if there is none."""
    query: str = ""
    """The query of the URL as it should be."""
    is_loaded: bool = False
    _others: dict[str, str] = {}
    """The other parameters of the URL."""
    _prompts: dict[str, Prompt] = {}
    """Edited prompts by their form in the URL, if that does not contain them."""
    _next_key: int = 0
    _lacks_model: bool = False

    @rx.event
    async def load(self) -> Handled:
        """Load the skill and the columns of the URL."""
        self.reset()
        given = self.router.url.query_parameters
        wanted = given.get("environment", "")
        self.environment = cast(Environment, wanted) if wanted in ENVIRONMENTS else PRODUCTION
        self._others = {name: value for name, value in given.items() if name not in ("c", "environment")}
        try:
            async with session.acting(self, self.project) as act:
                found = await deployments.get_skill(
                    act.session, act.principal, self.skill, skillpack=given.get("skillpack") or None
                )
                self.name, self.skillpack = found.skill.name, found.skillpack_slug
                self.full_name = found.full_name
                self.others = await active_skills(act)
                self.models = await models_of(act)
                self._lacks_model = bool(self.models) and not any(one.has_key for one in self.models)
                await self._read_choices(act)
                columns = columns_of(self.router.url.query, count())
                self._next_key = len(columns)
                await self._fill_from(act, columns)
                await self._show(act, columns)
        except Missing as missing:
            return Shell.close(missing.detail)
        same = [one for one in self.others if one.name == self.name and one.pack == self.skillpack]
        self.here = same[0].play if same else ""
        self.query = self.router.url.query
        self.is_loaded = True
        return None

    @rx.event
    def pick_skill(self, play: str) -> Handled:
        """Open the playground of another skill."""
        return rx.redirect(f"/p/{self.project}/play/{play}")

    @rx.event
    async def pick_environment(self, environment: str) -> None:
        """Use the active version of another environment in the columns without a version of their own."""
        if environment not in ENVIRONMENTS:
            return
        self.environment = environment
        async with session.acting(self, self.project) as act:
            await self._read_choices(act)
            await self._show(act, self.columns)

    @rx.event
    def pick_view(self, view: str) -> None:
        """Show the steps, the results, or the results as JSON."""
        self.view = view

    @rx.event
    def compare(self) -> None:
        """Add a column like the last one."""
        if len(self.columns) < MAX_COLUMNS:
            added = replace(self.columns[-1].with_prompt(""), key=self._next_key)
            self._next_key += 1
            self._set_columns([*self.columns, added])

    @rx.event
    async def remove(self, key: int) -> None:
        """Remove a column, unless it is the only one."""
        left = [one for one in self.columns if one.key != key]
        if left:
            async with session.acting(self, self.project) as act:
                await self._show(act, left)

    @rx.event
    async def pick_version(self, key: int, version: str) -> None:
        """Choose the version of a column."""
        changed = [one.with_version(version) if one.key == key else one for one in self.columns]
        async with session.acting(self, self.project) as act:
            await self._show(act, changed)

    @rx.event
    def pick_model(self, key: int, model: str) -> None:
        """Choose the model of a column."""
        self._change(key, lambda one: one.with_model(model))

    @rx.event
    def edit_prompt(self, key: int, in_url: str, prompt: list[str]) -> None:
        """Use another prompt in the runs of a column.

        Args:
            key: The key of the column.
            in_url: The prompt in the form of the URL; empty for the prompt of the version.
            prompt: The path and the text.
        """
        self._keep_prompt(in_url, prompt)
        self._change(key, lambda one: one.with_prompt(in_url))

    @rx.event
    def restore_prompt(self, key: int, in_url: str, prompt: list[str]) -> None:
        """Use the edited prompt that the tab of the browser has stored; `prompt` is empty if it has none."""
        if prompt:
            self._keep_prompt(in_url, prompt)
        else:
            self._change(key, Column.without_lost_prompt)

    @rx.event
    async def read_draft(self) -> None:
        """Read the skill of the draft again, after an example was saved."""
        async with session.acting(self, self.project) as act:
            await self._show(act, self.columns)

    @rx.event
    async def run_all(self, inputs: dict[str, Any], key: str) -> AsyncUpdates:
        """Run all columns with the inputs of the form."""
        if self.is_busy:
            return
        self.errors, self.problem = {}, ""
        for one in [one.key for one in self.columns]:
            await self._run(one, inputs, key)
            yield

    @rx.event
    async def run_one(self, column: int, inputs: dict[str, Any], key: str) -> None:
        """Run one column with the inputs of the form."""
        self.errors, self.problem = {}, ""
        await self._run(column, inputs, key)

    @rx.event
    def end(self, job: str) -> None:
        """Note that the job of a column has ended."""
        if job in self.jobs and job not in self.ended:
            self.ended = [*self.ended, job]
            self._set_columns(self.columns)

    @rx.event
    def show_problem(self, problem: str) -> None:
        """Show an error above the form."""
        self.problem = problem

    async def _run(self, key: int, inputs: dict[str, Any], action_key: str) -> None:
        column = next((one for one in self.columns if one.key == key), None)
        if column is None:
            return
        prompt = self._prompts.get(column.prompt) or prompt_in(column.prompt)
        what = RunInColumn(self.name, self.skillpack, self.environment, self.active, inputs, prompt)
        try:
            job = await submit_run(self, column, what, f"{action_key}-{key}")
        except REFUSALS as refused:
            if isinstance(refused, Invalid):
                fields = {
                    one.path.removeprefix(INPUTS_PREFIX): one.message
                    for one in refused.problems
                    if one.path.startswith(INPUTS_PREFIX)
                }
                self.errors = {**self.errors, **fields}
            reason = refused
            self._change(key, lambda one: one.without_job().refused(reason))
        else:
            self._change(key, lambda one: one.with_job(job))

    async def _fill_from(self, act: Act, columns: list[Column]) -> None:
        """Fill the form with the inputs of the job of the first column that has one, or of the one in the URL."""
        source = next((one.job for one in columns if one.job), job_id(self._others.get("from", "")))
        if source:
            try:
                self._fill((await get_job(act.session, act.principal, UUID(source))).inputs)
            except Missing as missing:
                self.problem = missing.detail

    def _fill(self, inputs: dict[str, Any]) -> None:
        self.inputs, self.errors = inputs, {}
        self.filled += 1

    async def _read_choices(self, act: Act) -> None:
        found = await choices_of(act, self.skillpack, self.environment)
        self.versions, self.active = found.versions, found.active
        self.environments = [str(one) for one in found.environments]

    async def _show(self, act: Act, columns: list[Column]) -> None:
        """Show columns with the skill in their versions; the form is that of the first one."""
        found = {
            version: await skill_of(
                act, self.name, skillpack=self.skillpack, version=version, environment=self.environment
            )
            for version in dict.fromkeys(one.version for one in columns)
        }
        first = found[columns[0].version]
        self.has_form, self.input_schema = not first.failure, first.input_schema
        self.is_simulated = first.needs_model and self._lacks_model
        self.title = first.title or self.full_name
        self.description, self.examples = first.description, first.examples
        self._set_columns([found[one.version].shown_in(one) for one in columns])

    def _keep_prompt(self, in_url: str, prompt: list[str]) -> None:
        """Store an edited prompt, and forget those that no column uses."""
        match prompt:
            case [path, text] if in_url:
                columns = {one.prompt for one in self.columns}
                used = {name: one for name, one in self._prompts.items() if name in columns}
                self._prompts = {**used, in_url: Prompt(path, text)}

    def _change(self, key: int, change: Callable[[Column], Column]) -> None:
        self._set_columns([change(one) if one.key == key else one for one in self.columns])

    def _set_columns(self, columns: list[Column]) -> None:
        """Show these columns, and what follows from them."""
        known = {"", *(one.slug for one in self.models)}
        self.columns = [replace(one, has_other_model=one.model not in known) for one in columns]
        self.jobs = [one.job for one in columns if one.job]
        self.is_busy = any(one not in self.ended for one in self.jobs)
        self.estimate = self._estimate_url(columns[0])
        environment = {} if self.environment == PRODUCTION else {"environment": self.environment}
        kept = {name: value for name, value in self._others.items() if name != "from" or not self.jobs}
        self.query = query_of(columns, {**kept, **environment})

    def _estimate_url(self, column: Column) -> str:
        """Return the URL of the estimate for a column; empty if the column has a model or a prompt of its own."""
        if column.model or column.prompt:
            return ""
        if column.version == DRAFT:
            query = urlencode({"skill": self.name})
            return f"/v1/skillpacks/{self.skillpack}/drafts/cost-estimate?{query}"
        version = {"version": column.version} if column.version else {"environment": self.environment}
        return f"/v1/cost-estimates/{quote(self.name)}?{urlencode({'skillpack': self.skillpack, **version})}"
