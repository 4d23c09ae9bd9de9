"""The failures of a period, grouped by their error; each group leads to its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple, cast, get_args
from urllib.parse import urlencode

import reflex as rx

from backend.core.clock import now
from backend.core.ids import short
from backend.execution.jobs.failures.queries import FailureFilter, read_failures
from backend.execution.jobs.failures.schemas import FailureClusterRead, FailureRead
from backend.execution.jobs.failures.tables import STATES, FailureState
from backend.identity.environments import Environment
from studio import session
from studio.components.elements import button, choice, link, none_match, segments, tag
from studio.components.jobs import FailureRows, Spark
from studio.components.live import Ago, FirstAndLast
from studio.formatting import moment
from studio.pages.jobs.query import FAILURE_DAYS, JobQuery
from studio.pages.jobs.state import Jobs
from studio.selection import Selection, box
from studio.session import Act
from studio.shell import Shell
from studio.typing_of_reflex import as_var

DEFAULT_FAILURE_DAYS: Final = 7
MAX_SHOWN: Final = 50
MAX_VERSIONS: Final = 5
_STATES: Final[dict[FailureState, str]] = {"open": "Open", "resolved": "Resolved", "ignored": "Ignored"}
_KEYS: Final = (("j k", "move"), ("r", "resolve"), ("i", "ignore"), ("o", "reopen"), ("x", "select"))
_PERIODS: Final = {days: "24 hours" if days == 1 else f"{days} days" for days in FAILURE_DAYS}


@dataclass
class Cluster:
    """Jobs that failed for the same reason."""

    signature: str
    query: str
    """The query of the URL that lists its jobs."""
    skill: str
    code: str
    message: str
    frame: str
    jobs: str
    share: str
    first_seen_at: str
    last_seen_at: str
    novelty: str
    """`New since v12` if the error did not occur before the period."""
    versions: str
    environments: str
    example: str
    example_id: str
    trend: list[int]
    state: str
    decision: str
    """What was decided about the error: `Resolved in v5`, `Ignored for 10 jobs`, `Regressed`; empty if nothing was."""
    decided_by: str
    decided_at: str
    note: str


class FoundClusters(NamedTuple):
    """The clusters of a period."""

    clusters: list[Cluster]
    summary: str
    counts: dict[str, int]
    """The number of errors by state."""


async def clusters_of(act: Act, filters: FailureFilter, limit: int, zone: str = "") -> FoundClusters:
    """Return the clusters of a period, a text about their number, and the numbers by state."""
    found = await read_failures(act.session, act.principal, filters, limit=limit)
    query = {"since": found.since.isoformat()}
    if filters.until is not None:
        query["until"] = filters.until.isoformat()
    if filters.version is not None:
        query["version"] = str(filters.version)
    if filters.environment is not None:
        query["environment"] = filters.environment
    shown = [_cluster(one, query, zone) for one in found.clusters]
    total = f"{found.failed:,} failed {'job' if found.failed == 1 else 'jobs'}"
    errors = found.open + found.resolved + found.ignored
    parts = [f"{total}, {errors:,} {'error' if errors == 1 else 'errors'}"]
    if found.total_clusters > len(shown):
        parts.append(f"the {len(shown)} most frequent are shown")
    if found.ungrouped:
        parts.append(f"{found.ungrouped:,} of them ended before the instance grouped failures")
    counts = {"open": found.open, "resolved": found.resolved, "ignored": found.ignored}
    return FoundClusters(shown, "; ".join(parts) + ".", counts)


def _cluster(one: FailureClusterRead, query: dict[str, str], zone: str) -> Cluster:
    return Cluster(
        signature=one.error_signature,
        query=urlencode({"error_signature": one.error_signature, **query}),
        skill=one.skill_name,
        code=one.error_code or "unknown",
        message=one.message or "No message.",
        frame=one.frame,
        jobs=f"{one.jobs:,}",
        share=f"{100 * one.share:.0f} %" if one.share >= 0.01 else "under 1 %",
        first_seen_at=one.first_seen_at.isoformat(),
        last_seen_at=one.last_seen_at.isoformat(),
        novelty=_novelty(one),
        versions=_versions(one.versions),
        environments="" if one.environments == ["production"] else ", ".join(one.environments),
        example=short(one.example_job_id),
        example_id=str(one.example_job_id),
        trend=one.trend,
        state=one.state,
        decision=decision_of(one, zone),
        decided_by=one.state_changed_by.removeprefix("user:"),
        decided_at=one.state_changed_at.isoformat() if one.state_changed_at else "",
        note=one.note,
    )


def decision_of(one: FailureRead, zone: str) -> str:
    """Return what was decided about an error, or that it has returned since; empty for any other open error."""
    if one.state == "open":
        return "Regressed" if one.is_regressed else ""
    if one.state == "resolved":
        return f"Resolved in v{one.fixed_in_version}" if one.fixed_in_version else "Resolved"
    limits = []
    if one.ignored_until is not None:
        limits.append(f"until {moment(one.ignored_until, zone)}")
    if one.ignored_jobs is not None:
        limits.append(f"for {one.ignored_jobs:,} {'job' if one.ignored_jobs == 1 else 'jobs'}")
    return f"Ignored {' or '.join(limits)}" if limits else "Ignored permanently"


def _novelty(one: FailureClusterRead) -> str:
    if not one.is_new:
        return ""
    is_later_version = one.first_version is not None and one.first_version > 1
    return f"New since v{one.first_version}" if is_later_version else "New"


def _versions(versions: Sequence[int]) -> str:
    if not versions:
        return "drafts"
    shown = ", ".join(f"v{one}" for one in versions[:MAX_VERSIONS])
    return shown if len(versions) <= MAX_VERSIONS else f"{shown} and {len(versions) - MAX_VERSIONS} more"


class Failures(Selection, rx.State):
    """The failed jobs of a project in clusters."""

    clusters: list[Cluster] = []
    summary: str = ""
    counts: dict[str, int] = dict.fromkeys(STATES, 0)
    is_read: bool = False

    @rx.event
    async def load(self) -> None:
        """Load the clusters of the period and the filters in the URL."""
        jobs, shell = await self.get_state(Jobs), await self.get_state(Shell)
        if not jobs.failure_days:
            return
        query = JobQuery.parse(jobs.filters).job_filter()
        filters = FailureFilter(
            since=now() - timedelta(days=jobs.failure_days),
            skill=query.skill,
            version=query.version,
            environment=query.environment,
            state=cast(FailureState, jobs.failure_state),
        )
        async with session.acting(self, self.project) as act:
            found = await clusters_of(act, filters, MAX_SHOWN, shell.time_zone)
        self.clusters, self.summary, self.counts = found
        self._keep_picked({one.signature for one in found.clusters})
        self.is_read = True

    def _selectable(self) -> list[str]:
        return [one.signature for one in self.clusters]


def failures(selection_bar: rx.Component, dialog: rx.Component, on_act: Any) -> rx.Component:
    """Render the failures with their period and filters.

    Args:
        selection_bar: The actions on the selected errors.
        dialog: The dialog of an action.
        on_act: Receives the kind of an action, and the signature of the error.
    """
    return rx.el.div(
        rx.cond(as_var(Failures.picked).length() > 0, selection_bar, _bar()),
        rx.cond(
            Failures.is_read,
            FailureRows.create(
                rx.el.div(
                    rx.el.p(Failures.summary, class_name="t3 grow", role="status"),
                    rx.el.span(
                        *[rx.el.span(rx.el.kbd(keys), f" {what} ") for keys, what in _KEYS],
                        class_name="t3 key-hints",
                        aria_hidden="true",
                    ),
                    class_name="row wrap",
                ),
                rx.cond(
                    as_var(Failures.clusters).length() > 0,
                    rx.el.ul(
                        rx.foreach(Failures.clusters, lambda one: _decidable(one, on_act)),
                        class_name="clusters",
                    ),
                    _none(),
                ),
                can_write=Shell.can_write,
                on_toggle=Failures.toggle,
                on_act=on_act,
                on_leave=Failures.leave,
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        dialog,
        class_name="scroll grow",
    )


def _bar() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.button(
                "Jobs",
                type="button",
                on_click=Jobs.show_failures(0),
                custom_attrs={"aria-pressed": "false"},
            ),
            rx.el.button("Failures", type="button", custom_attrs={"aria-pressed": "true"}),
            class_name="seg",
            role="group",
            aria_label="View",
        ),
        segments(
            "State",
            {state: _counted(state, label) for state, label in _STATES.items()},
            Jobs.failure_state,
            lambda state: [Jobs.show_failure_state(state), Failures.load],
        ),
        segments(
            "Period", _PERIODS, Jobs.failure_days, lambda days: [Jobs.show_failures(days), Failures.load]
        ),
        _select(
            "skill",
            "Skill",
            "All skills",
            rx.foreach(Jobs.skills, lambda one: rx.el.option(one, value=one)),
        ),
        _select(
            "version",
            "Version",
            "Any version",
            rx.foreach(Jobs.versions, lambda one: rx.el.option(one.label, value=one.value)),
        ),
        _select(
            "environment",
            "Environment",
            "Any environment",
            *[rx.el.option(one, value=one) for one in get_args(Environment)],
        ),
        class_name="row wrap job-bar",
    )


def _counted(state: str, label: str) -> rx.Component:
    count = rx.el.span(Failures.counts[state], class_name="t3 num")
    return rx.fragment(label, rx.cond(Failures.is_read, count))


def _none() -> rx.Component:
    state = Jobs.failure_state
    return none_match(
        rx.match(
            state,
            ("resolved", "No error of this period is resolved."),
            ("ignored", "No error of this period is ignored."),
            "No error of this period is open.",
        ),
        rx.el.p("Failed jobs with the same error appear here as one entry.", class_name="t2"),
    )


def _select(name: str, label: str, none: str, *options: Any) -> rx.Component:
    return choice(
        label,
        [rx.el.option(none, value=""), *options],
        value=Jobs.filters[name],
        on_change=lambda text: [Jobs.set_filter(name, text), Failures.load],
    )


def _decidable(one: rx.Var[Cluster], on_act: Any) -> rx.Component:
    """Render a cluster that can be selected, with the actions that its state allows."""
    return _card(
        one,
        box=rx.cond(Shell.can_write, box(Failures, one.signature, one.message)),
        actions=rx.cond(
            Shell.can_write,
            rx.el.div(
                rx.cond(
                    one.state != "resolved",
                    button("Resolve…", on_click=on_act("resolve", one.signature)),
                ),
                rx.cond(
                    one.state == "open",
                    button("Ignore…", kind="quiet", on_click=on_act("ignore", one.signature)),
                    button("Reopen…", kind="quiet", on_click=on_act("reopen", one.signature)),
                ),
                class_name="row cluster-acts",
            ),
        ),
        tab_index=0,
        aria_label=one.message,
        custom_attrs={
            "data-signature": one.signature,
            "data-picked": as_var(Failures.picked).contains(one.signature),
        },
    )


def cluster_card(one: rx.Var[Cluster]) -> rx.Component:
    """Render a cluster, whose message is a link to its jobs."""
    return _card(one)


def _card(one: rx.Var[Cluster], *, box: Any = None, actions: Any = None, **props: Any) -> rx.Component:
    """Render a cluster.

    Args:
        one: The cluster.
        box: What is shown before it.
        actions: What is shown after it.
        props: Further properties of the list item.
    """
    base: Any = "/p/" + Shell.project_slug + "/jobs"
    return rx.el.li(
        box or rx.fragment(),
        rx.el.div(
            rx.el.div(
                rx.el.span(one.code, class_name="tag mono", custom_attrs={"data-s": "fail"}),
                rx.cond(
                    one.decision != "",
                    rx.el.span(
                        one.decision,
                        class_name="tag",
                        custom_attrs={
                            "data-s": rx.match(one.state, ("open", "fail"), ("resolved", "ok"), "")
                        },
                    ),
                ),
                rx.cond(one.novelty != "", tag(one.novelty, state="wait")),
                rx.el.span(one.skill, class_name="strong cut", title=one.skill),
                rx.cond(one.environments != "", tag(one.environments)),
                class_name="row wrap",
                style={"gap": "6px"},
            ),
            link(one.message, href=base + "?" + one.query, class_name="cluster-message", title=one.message),
            rx.el.div(
                rx.cond(one.frame != "", rx.el.span(one.frame, class_name="mono")),
                rx.el.span(one.versions),
                FirstAndLast.create(first=one.first_seen_at, last=one.last_seen_at),
                rx.el.span(
                    "example ", link(one.example, href=base + "/" + one.example_id, class_name="mono")
                ),
                class_name="row wrap t3 cluster-facts",
            ),
            rx.cond(
                one.decision != "",
                rx.el.div(
                    rx.cond(one.note != "", rx.el.span(one.note, class_name="t2")),
                    rx.el.span(
                        rx.match(one.state, ("open", "resolved by "), "by "),
                        one.decided_by,
                        " ",
                        Ago.create(moment=one.decided_at),
                    ),
                    class_name="row wrap t3 cluster-facts",
                ),
            ),
            class_name="col grow",
            style={"gap": "4px", "min_width": "0"},
        ),
        Spark.create(values=one.trend, label=rx.Var.create("Trend: ") + one.jobs + " jobs in this period"),
        rx.el.div(
            rx.el.span(one.jobs, class_name="strong num"),
            rx.el.span(one.share, class_name="t3 num"),
            class_name="col cluster-count",
        ),
        actions or rx.fragment(),
        key=one.signature,
        class_name="cluster",
        **{"custom_attrs": {"data-signature": one.signature}, **props},
    )
