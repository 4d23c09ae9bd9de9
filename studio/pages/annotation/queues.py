"""The list of the annotation queues of a project, and the form of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from backend.core.errors import Conflict, Invalid
from backend.evals.annotations import eval_cases, queues
from backend.evals.annotations.schemas import (
    AnnotationCasesCreate,
    AnnotationQueueCreate,
    AnnotationQueueRead,
    AnnotationQueueUpdate,
)
from studio import session
from studio.components.annotation import TopicChanges
from studio.components.elements import (
    button,
    empty,
    field,
    form_end,
    link,
    link_button,
    note,
    section,
    tag,
    way_out,
)
from studio.components.jobs import Menu
from studio.components.live import Confirm
from studio.forms import parsed, said
from studio.pages.annotation import queue_form
from studio.pages.annotation.queue_form import CriterionRow, new_row
from studio.pages.jobs.query import FILTERS, JobQuery
from studio.pages.read_on_load import ReadOnLoad
from studio.shell import Crumb, Shell, shell
from studio.skills import active_skills
from studio.typing_of_reflex import as_var

_NO_CONDITIONS = dict.fromkeys(FILTERS, "")


@dataclass
class QueueRow:
    """The data of a queue in the list."""

    id: str
    name: str
    source: str
    """Which jobs it has, as text."""
    criteria: str
    pending: int
    claimed: int
    done: int
    skipped: int
    total: int
    finished: int
    """Percent of its jobs that are done or skipped."""


class Queues(ReadOnLoad, rx.State):
    """The annotation queues of a project."""

    rows: list[QueueRow] = []
    skills: list[str] = []
    is_editing: bool = False
    editing: str = ""
    """ID of the queue in the form; empty for a new one."""
    name: str = ""
    instructions: str = ""
    source: str = "hand"
    """`hand` or `filter`: how jobs get into the queue of the form."""
    conditions: dict[str, str] = _NO_CONDITIONS
    others: str = ""
    """The conditions that the form does not show, as text."""
    criteria: list[CriterionRow] = []
    problem: str = ""
    saved: str = ""
    """The result of saving eval cases."""
    _found: list[AnnotationQueueRead] = []

    @rx.event
    def begin(self) -> None:
        """Show the form for a new queue."""
        self._show(JobQuery())

    @rx.event
    def edit(self, queue_id: str) -> None:
        """Show the form of a queue."""
        queue = next(one for one in self._found if str(one.id) == queue_id)
        self._show(JobQuery())
        self.editing, self.name, self.instructions = queue_id, queue.name, queue.instructions
        self.source = "hand" if queue.filter is None else "filter"
        if queue.filter is not None:
            stored = queue.filter.model_dump(mode="json", exclude_none=True)
            self._set_conditions({name: str(value) for name, value in stored.items()})
        self.criteria = queue_form.rows_of(queue)

    @rx.event
    def cancel(self) -> None:
        """Close the form."""
        self.is_editing, self.problem = False, ""

    @rx.event
    def pick_source(self, source: str) -> None:
        """Choose how jobs get into the queue."""
        self.source = source

    @rx.event
    def pick_kind(self, uid: str, kind: str) -> None:
        """Choose the kind of a criterion."""
        for row in self.criteria:
            if row.uid == uid and kind in queue_form.KINDS:
                row.kind = kind

    @rx.event
    def add_criterion(self) -> None:
        """Add a criterion to the rubric."""
        self.criteria = [*self.criteria, new_row()]

    @rx.event
    def remove_criterion(self, uid: str) -> None:
        """Remove a criterion from the rubric."""
        self.criteria = [row for row in self.criteria if row.uid != uid]

    @rx.event
    async def save(self, typed: dict[str, Any]) -> None:
        """Create or change a queue."""
        self.problem = ""
        self.criteria = queue_form.typed_rows(typed, self.criteria)
        body = queue_form.body_of(typed, self.criteria, queue_form.hidden_filters(self.conditions))
        try:
            async with session.acting(self, self.project, once=typed) as act:
                if self.editing:
                    changes = parsed(AnnotationQueueUpdate, body)
                    await queues.change(act.session, act.principal, UUID(self.editing), changes)
                else:
                    await queues.create(act.session, act.principal, parsed(AnnotationQueueCreate, body))
        except (Conflict, Invalid) as refused:
            self.problem = said(refused)
            return
        self.is_editing = False
        await self._read()

    @rx.event
    async def delete(self, queue_id: str) -> None:
        """Delete a queue."""
        async with session.acting(self, self.project) as act:
            await queues.delete(act.session, act.principal, UUID(queue_id))
        self.is_editing = False
        await self._read()

    @rx.event
    async def save_cases(self, queue_id: str) -> None:
        """Save the reviewed jobs of a queue with a corrected output as eval cases."""
        created = existing = uncorrected = 0
        problems: list[str] = []
        after: int | None = None
        while True:
            async with session.acting(self, self.project) as act:
                made = await eval_cases.save_of_queue(
                    act.session,
                    act.principal,
                    UUID(queue_id),
                    AnnotationCasesCreate(after=after),
                    vault=session.context().vault,
                )
            created, existing = created + made.created, existing + made.existing
            uncorrected += made.uncorrected
            problems += [one.detail for one in made.rejected]
            after = made.next_after
            if after is None:
                break
        parts = [f"{created} eval {'case' if created == 1 else 'cases'} saved"]
        parts += [f"{existing} saved before"] if existing else []
        parts += [f"{uncorrected} without a corrected output"] if uncorrected else []
        parts += [f"{len(problems)} not possible: {problems[0]}"] if problems else []
        self.saved = ", ".join(parts) + ("" if problems else ".")

    def _choose(self) -> None:
        parameters = self.router.url.query_parameters
        if parameters.get("new"):
            self._show(JobQuery.parse(parameters))

    def _show(self, query: JobQuery) -> None:
        self.is_editing, self.editing, self.problem, self.saved = True, "", "", ""
        self.name, self.instructions = "", ""
        self.source = "filter" if query.filters else "hand"
        self._set_conditions(dict(query.filters))
        self.criteria = [new_row("Quality")]

    def _set_conditions(self, conditions: dict[str, str]) -> None:
        self.conditions = {**_NO_CONDITIONS, **conditions}
        hidden = queue_form.hidden_filters(conditions)
        self.others = ", ".join(f"{name} {value}" for name, value in hidden.items())

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            self._found = await queues.list_queues(act.session, act.principal)
            if not self.skills:
                self.skills = sorted({skill.name for skill in await active_skills(act)})
        rows = [_row(one) for one in self._found]
        if rows != self.rows:
            self.rows = rows


def _row(queue: AnnotationQueueRead) -> QueueRow:
    total = queue.pending + queue.done + queue.skipped
    conditions = {} if queue.filter is None else queue.filter.model_dump(mode="json", exclude_none=True)
    shown = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in conditions.items())
    source = (
        "Jobs added by hand" if queue.filter is None else f"Jobs with {shown}" if shown else "All ended jobs"
    )
    return QueueRow(
        id=str(queue.id),
        name=queue.name,
        source=source,
        criteria=queue_form.described(queue.rubric),
        pending=queue.pending,
        claimed=queue.claimed,
        done=queue.done,
        skipped=queue.skipped,
        total=total,
        finished=round(100 * (total - queue.pending) / total) if total else 0,
    )


def page() -> rx.Component:
    """Render the queues, or the empty state."""
    return shell(
        "annotation",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Annotation")],
        rx.el.h1("Annotation queues", class_name="hidden-label"),
        TopicChanges.create(project=Shell.project_slug, topic="annotations", on_change=Queues.refresh),
        rx.cond(
            Queues.is_loaded,
            rx.cond(
                (as_var(Queues.rows).length() > 0) | Queues.is_editing,
                rx.el.div(
                    rx.cond(Queues.is_editing, _form_section()),
                    rx.cond(as_var(Queues.rows).length() > 0, _list()),
                    class_name="scroll grow pad col annotation",
                    tab_index=0,
                    role="region",
                    aria_label="Annotation queues",
                ),
                _none_yet(),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _none_yet() -> rx.Component:
    return empty(
        "clipboard-check",
        "No annotation queues yet",
        "Reviewers work through the jobs of a queue one by one: they score the result with your rubric, comment it, "
        "and correct it. Corrected outputs become eval cases.",
        rx.cond(
            Shell.can_write,
            button("New annotation queue", icon="plus", kind="pri", on_click=Queues.begin),
            rx.el.p("Developers of the project can create one.", class_name="t2"),
        ),
    )


def _list() -> rx.Component:
    new = rx.cond(
        Shell.can_write,
        button("New queue", icon="plus", kind="pri", on_click=Queues.begin, disabled=Queues.is_editing),
    )
    return section(
        "Annotation queues",
        rx.cond(Queues.saved != "", note(Queues.saved, state="ok", style={"margin_bottom": "12px"})),
        rx.el.ul(rx.foreach(Queues.rows, _queue), class_name="entries", aria_label="Annotation queues"),
        actions=[new],
    )


def _queue(row: rx.Var[QueueRow]) -> rx.Component:
    href: Any = "/p/" + Shell.project_slug + "/annotation/" + row.id
    return rx.el.li(
        rx.el.div(
            link(row.name, href=href, class_name="strong cut", title=row.name),
            rx.cond(
                (row.total > 0) & (row.pending == 0),
                tag("finished", state="ok"),
                rx.cond(row.claimed > 0, tag(f"{row.claimed} in review", state="wait")),
            ),
            rx.el.span(class_name="grow"),
            rx.cond(
                Shell.can_write,
                link_button("Review", href=href, kind="pri small", aria_label=f"Review {row.name}"),
            ),
            _acts(row),
            class_name="row wrap",
        ),
        rx.el.p(row.source, " · ", row.criteria, class_name="t2"),
        rx.el.div(
            rx.el.div(
                rx.el.i(style={"width": f"{row.finished}%"}),
                class_name="progress",
                role="progressbar",
                aria_label=f"Progress of {row.name}",
                custom_attrs={"aria-valuenow": row.finished, "aria-valuemin": 0, "aria-valuemax": 100},
            ),
            rx.el.span(
                f"{row.pending} pending, {row.done} done",
                rx.cond(row.skipped > 0, f", {row.skipped} skipped", ""),
                class_name="t3 num",
            ),
            class_name="row queue-progress",
        ),
        key=row.id,
    )


def _acts(row: rx.Var[QueueRow]) -> rx.Component:
    export: Any = "/v1/annotation-queues/" + row.id + "/export?project=" + Shell.project_slug + "&format="
    return rx.fragment(
        Menu.create(
            way_out("Annotations as CSV", href=export + "csv", class_name="item"),
            way_out("Annotations as JSON lines", href=export + "jsonl", class_name="item"),
            rx.cond(
                Shell.can_write,
                rx.el.button(
                    "Save corrected jobs as eval cases",
                    type="button",
                    class_name="item",
                    on_click=Queues.save_cases(row.id),
                ),
            ),
            label="Export",
        ),
        rx.cond(
            Shell.can_write,
            rx.fragment(
                button("Edit", kind="small", aria_label=f"Edit {row.name}", on_click=Queues.edit(row.id)),
                Confirm.create(
                    label="Delete",
                    kind="small danger",
                    title="Delete the annotation queue?",
                    text="The queue "
                    + row.name
                    + " is deleted. The annotations of its jobs stay on the jobs.",
                    confirm="Delete queue",
                    on_confirm=Queues.delete(row.id),
                ),
            ),
        ),
    )


def _form_section() -> rx.Component:
    title: Any = rx.cond(Queues.editing != "", "Edit annotation queue", "New annotation queue")
    return section(title, _form())


def _form() -> rx.Component:
    return rx.el.form(
        field(
            "Name",
            "name",
            rx.el.input,
            default_value=Queues.name,
            max_length=200,
            required=True,
            auto_focus=True,
            auto_complete="off",
        ),
        field(
            "Instructions",
            "instructions",
            rx.el.textarea,
            default_value=Queues.instructions,
            max_length=10_000,
            rows=3,
            hint="What reviewers should know, as Markdown.",
        ),
        field(
            "Jobs",
            "source_of_jobs",
            rx.el.select,
            rx.el.option("Added by hand, from the list of jobs", value="hand"),
            rx.el.option("Ended jobs that match a filter", value="filter"),
            value=Queues.source,
            on_change=Queues.pick_source,
        ),
        rx.cond(
            Queues.source == "filter",
            queue_form.filter_fields(Queues.skills, Queues.conditions, Queues.others),
        ),
        rx.el.fieldset(
            rx.el.legend("Rubric", class_name="label"),
            rx.el.ul(
                rx.foreach(
                    Queues.criteria,
                    lambda row: queue_form.criterion_fields(
                        row,
                        on_kind=lambda kind: Queues.pick_kind(row.uid, kind),
                        on_remove=Queues.remove_criterion(row.uid),
                    ),
                ),
                class_name="entries",
            ),
            rx.cond(
                queue_form.may_add(Queues.criteria),
                button("Add criterion", icon="plus", kind="small", on_click=Queues.add_criterion),
            ),
            class_name="col rubric-fields",
        ),
        *form_end(Queues.problem, rx.cond(Queues.editing != "", "Save queue", "Create queue"), Queues.cancel),
        on_submit=Queues.save,
        class_name="col",
        key=Queues.editing,
        style={"max_width": "760px", "gap": "14px"},
    )
