"""The API reference: skills on the left, input and output in the middle, code or a form on the right."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.skills.schemas.value_schemas import all_required
from studio import session
from studio.code_snippets import of_skill, path_of
from studio.components.elements import (
    empty,
    framed_table,
    link,
    link_button,
    note,
    section,
    tag,
    way_out,
)
from studio.components.live import Copy, SchemaForm
from studio.components.snippets import Languages, from_code
from studio.first_snippets import of_push
from studio.pages.reference.fields import FieldRow, rows_of
from studio.running import Running, outcome
from studio.shell import Crumb, Shell, shell
from studio.skills import SkillView, active_skills
from studio.typing_of_reflex import as_var


class Reference(Running, rx.State):
    """The state of the API reference."""

    skills: list[SkillView] = []
    current: SkillView = SkillView(name="")
    path: str = ""
    inputs: list[FieldRow] = []
    output: list[FieldRow] = []
    texts: dict[str, str] = {}
    is_trying: bool = False
    is_loaded: bool = False

    @rx.event
    async def load(self) -> None:
        """Load the skill of the URL, or the first skill."""
        self.reset()
        async with session.acting(self, self.project) as act:
            self.skills = await active_skills(act)
        requested = self.router.url.query_parameters.get("skill", "")
        found = [one for one in self.skills if one.full_name == requested] or self.skills
        if found:
            self._select(found[0])
        else:
            self.texts = of_push(session.context().settings.url)
        self.is_loaded = True

    @rx.event
    def begin(self) -> None:
        """Show the form that runs the skill."""
        self.is_trying = True

    @rx.event
    def stop(self) -> None:
        """Show the code."""
        self.is_trying = False

    @rx.event
    async def start(self, inputs: dict[str, Any], key: str) -> None:
        """Run the skill with these inputs."""
        await self._begin_run({"skill": self.current.full_name, "inputs": inputs}, key)

    def _select(self, skill: SkillView) -> None:
        self.current, self.path = skill, path_of(skill)
        self.inputs, self.output = rows_of(skill.input_schema), rows_of(all_required(skill.output_schema))
        self.texts = of_skill(session.context().settings.url, skill)


def page() -> rx.Component:
    """Render the API reference of a project."""
    base = "/p/" + Shell.project_slug
    return shell(
        "api",
        [Crumb(Shell.project_name, base), Crumb("API reference")],
        rx.el.h1("API reference", class_name="hidden-label"),
        rx.cond(
            Reference.is_loaded,
            rx.cond(
                as_var(Reference.skills).length() > 0,
                rx.el.div(_skills(), _docs(), _code(), class_name="reference"),
                empty(
                    "braces",
                    "No skills yet",
                    "Each published skill has its own endpoint with typed inputs and a typed result.",
                    link_button("Publish your first skills", href=base, icon="upload", kind="pri"),
                    rx.cond(Shell.can_write, from_code(Reference.texts)),
                ),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _skills() -> rx.Component:
    return rx.el.nav(
        rx.el.div("Skills", class_name="cap", style={"padding": "4px 8px"}),
        rx.foreach(Reference.skills, _skill_link),
        rx.el.div("More", class_name="cap", style={"padding": "16px 8px 4px"}),
        way_out(
            rx.el.span("OpenAPI: project skills", class_name="cut grow"),
            href="/v1/projects/" + Shell.project_slug + "/openapi.json",
            class_name="nav",
        ),
        way_out(
            rx.el.span("OpenAPI: REST API", class_name="cut grow"),
            href="/openapi.json",
            class_name="nav",
        ),
        link("API keys", href="/p/" + Shell.project_slug + "/settings/keys", class_name="nav"),
        class_name="skills scroll",
        aria_label="Skills",
    )


def _skill_link(one: rx.Var[SkillView]) -> rx.Component:
    return link(
        rx.el.span(one.full_name, class_name="cut grow"),
        href="/p/" + Shell.project_slug + "/api?skill=" + one.full_name,
        class_name="nav",
        key=one.full_name,
        title=one.description,
        custom_attrs={"aria-current": rx.cond(one.full_name == Reference.current.full_name, "page", "false")},
    )


def _docs() -> rx.Component:
    one = Reference.current
    return rx.el.div(
        rx.el.div(
            rx.el.div(
                rx.el.h2(rx.cond(one.title != "", one.title, one.full_name), class_name="big"),
                tag(one.version),
                tag(one.kind),
                class_name="row",
            ),
            rx.el.p(one.description, class_name="t2", style={"max_width": "72ch"}),
            rx.el.div(
                tag("POST", state="ok"),
                rx.el.span(Reference.path, class_name="mono cut"),
                Copy.create(text=Reference.path, label="Copy the path", bare=True),
                class_name="row endpoint",
            ),
        ),
        section("Input", _fields("Input fields", Reference.inputs, "This skill has no inputs.")),
        section("Output", _fields("Output fields", Reference.output, "The result has no schema.")),
        section("Notes", _notes()),
        class_name="scroll docs",
        tab_index=0,
        role="region",
        aria_label="Reference",
    )


def _fields(label: str, rows: rx.Var[list[FieldRow]], none: str) -> rx.Component:
    columns = [("Field", "30%", ""), ("Type", "24%", ""), ("Description", "46%", "")]
    return rx.cond(
        rows.length() > 0,
        framed_table(label, columns, rx.foreach(rows, _field)),
        rx.el.p(none, class_name="t2"),
    )


def _field(row: rx.Var[FieldRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            rx.el.span(row.path, class_name="mono strong"),
            rx.cond(row.is_required, rx.fragment(), rx.el.span(" optional", class_name="t3")),
        ),
        rx.el.td(rx.el.span(row.type, class_name="mono"), class_name="t2"),
        rx.el.td(
            row.description,
            rx.cond((row.description != "") & (row.rules != ""), rx.el.br()),
            rx.el.span(row.rules, class_name="t3"),
        ),
        key=row.path,
    )


def _notes() -> rx.Component:
    notes = (
        (
            "Response",
            "The job, returned when it has finished or after ?timeout= seconds (at most 55). Check its status.",
        ),
        ("Idempotency", "Repeated requests with the same Idempotency-Key run the skill once."),
        ("Version", "?version= selects a version. The default is the active version."),
        ("Files", "Paths in the project's drive, URLs, or base64 data."),
        (
            "Errors",
            "detail explains the problem and how to fix it. 422 names the invalid field, 402 the missing amount.",
        ),
    )
    return rx.el.dl(
        *[part for name, text in notes for part in (rx.el.dt(name), rx.el.dd(text))], class_name="kv"
    )


def _code() -> rx.Component:
    return rx.el.div(
        rx.cond(
            Reference.is_trying,
            _try(),
            rx.fragment(
                rx.el.div(
                    rx.el.span("Code", class_name="grow"),
                    rx.el.button(
                        "Try it",
                        type="button",
                        class_name="btn pri small",
                        on_click=Reference.begin,
                        custom_attrs={"data-key": "y"},
                    ),
                    class_name="pane-head",
                ),
                rx.el.div(
                    Languages.create(texts=Reference.texts),
                    rx.el.p(
                        "Set the environment variable PURAS_API_KEY to an API key. ",
                        link("Create API key", href="/p/" + Shell.project_slug + "/settings/keys"),
                        class_name="t3 pad",
                    ),
                    class_name="scroll grow",
                    tab_index=0,
                    role="region",
                    aria_label="Code",
                ),
            ),
        ),
        class_name="col call-it",
    )


def _try() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.el.span("Try ", Reference.current.full_name, class_name="grow"),
            rx.el.button("Back to code", type="button", class_name="btn small", on_click=Reference.stop),
            class_name="pane-head",
        ),
        rx.cond(
            Reference.problem != "",
            note(Reference.problem, state="fail", style={"margin": "12px 16px 0"}),
        ),
        rx.el.div(
            SchemaForm.create(
                schema=Reference.current.input_schema,
                value={},
                rev=0,
                errors=Reference.errors,
                project=Shell.project_slug,
                csrf=Shell.csrf,
                can_run=Shell.can_write,
                busy=Reference.is_busy,
                on_run=Reference.start,
                key=Reference.path,
            ),
            class_name="col half",
        ),
        rx.el.div(
            outcome(
                Reference,
                Reference.current.output_schema,
                rx.el.p(
                    "This form submits a regular job on the active version. The project pays for it.",
                    class_name="t3 pad",
                ),
            ),
            class_name="col half",
        ),
    )
