"""The failures of a period, grouped by their error; each group leads to its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, get_args
from urllib.parse import urlencode

import reflex as rx

from backend.core.clock import now
from backend.core.ids import short
from backend.execution.jobs.failures.queries import FailureFilter, read_failures
from backend.execution.jobs.failures.schemas import FailureClusterRead
from backend.identity.environments import Environment
from studio import session
from studio.components.elements import link, tag
from studio.components.jobs import Spark
from studio.components.live import Ago
from studio.pages.jobs.query import FAILURE_DAYS, JobQuery
from studio.pages.jobs.state import Jobs
from studio.session import Act
from studio.shell import Shell
from studio.typing_of_reflex import as_var

DEFAULT_FAILURE_DAYS: Final = 7
MAX_SHOWN: Final = 50
MAX_VERSIONS: Final = 5
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


async def clusters_of(act: Act, filters: FailureFilter, limit: int) -> tuple[list[Cluster], str]:
    """Return the clusters of a period, and a text about their number."""
    found = await read_failures(act.session, act.principal, filters, limit=limit)
    query = {"since": found.since.isoformat()}
    if filters.until is not None:
        query["until"] = filters.until.isoformat()
    if filters.version is not None:
        query["version"] = str(filters.version)
    if filters.environment is not None:
        query["environment"] = filters.environment
    shown = [_cluster(one, query) for one in found.clusters]
    total = f"{found.failed:,} failed {'job' if found.failed == 1 else 'jobs'}"
    parts = [f"{total}, {found.total_clusters:,} {'error' if found.total_clusters == 1 else 'errors'}"]
    if found.total_clusters > len(shown):
        parts.append(f"the {len(shown)} most frequent are shown")
    if found.ungrouped:
        parts.append(f"{found.ungrouped:,} of them ended before the instance grouped failures")
    return shown, "; ".join(parts) + "."


def _cluster(one: FailureClusterRead, query: dict[str, str]) -> Cluster:
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
    )


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


class Failures(rx.State):
    """The failed jobs of a project in clusters."""

    clusters: list[Cluster] = []
    summary: str = ""
    is_read: bool = False

    @rx.event
    async def load(self) -> None:
        """Load the clusters of the period and the filters in the URL."""
        jobs = await self.get_state(Jobs)
        if not jobs.failure_days:
            return
        query = JobQuery.parse(jobs.filters).job_filter()
        filters = FailureFilter(
            since=now() - timedelta(days=jobs.failure_days),
            skill=query.skill,
            version=query.version,
            environment=query.environment,
        )
        async with session.acting(self, self.project) as act:
            clusters, summary = await clusters_of(act, filters, MAX_SHOWN)
        self.clusters, self.summary, self.is_read = clusters, summary, True


def failures() -> rx.Component:
    """Render the failures with their period and filters."""
    return rx.el.div(
        rx.el.div(
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
            rx.el.div(
                *[
                    rx.el.button(
                        label,
                        type="button",
                        on_click=[Jobs.show_failures(days), Failures.load],
                        custom_attrs={"aria-pressed": rx.cond(Jobs.failure_days == days, "true", "false")},
                    )
                    for days, label in _PERIODS.items()
                ],
                class_name="seg",
                role="group",
                aria_label="Period",
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
        ),
        rx.cond(
            Failures.is_read,
            rx.el.div(
                rx.el.p(Failures.summary, class_name="t3", role="status"),
                rx.cond(
                    as_var(Failures.clusters).length() > 0,
                    rx.el.ul(rx.foreach(Failures.clusters, cluster_card), class_name="clusters"),
                    _none(),
                ),
                class_name="col clusters-region",
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        class_name="scroll grow",
    )


def _none() -> rx.Component:
    return rx.el.div(
        rx.el.div("No job failed in this period.", class_name="strong"),
        rx.el.p("Failed jobs with the same error appear here as one entry.", class_name="t2"),
        class_name="col none-match",
    )


def _select(name: str, label: str, none: str, *options: Any) -> rx.Component:
    return rx.el.select(
        rx.el.option(none, value=""),
        *options,
        value=Jobs.filters[name],
        on_change=lambda text: [Jobs.set_filter(name, text), Failures.load],
        aria_label=label,
        class_name="in",
    )


def cluster_card(one: rx.Var[Cluster]) -> rx.Component:
    """Render a cluster, whose message is a link to its jobs."""
    base: Any = "/p/" + Shell.project_slug + "/jobs"
    return rx.el.li(
        rx.el.div(
            rx.el.div(
                rx.el.span(one.code, class_name="tag mono", custom_attrs={"data-s": "fail"}),
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
                rx.el.span("first ", Ago.create(moment=one.first_seen_at)),
                rx.el.span("last ", Ago.create(moment=one.last_seen_at)),
                rx.el.span(
                    "example ", link(one.example, href=base + "/" + one.example_id, class_name="mono")
                ),
                class_name="row wrap t3 cluster-facts",
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
        key=one.signature,
        class_name="cluster",
        custom_attrs={"data-signature": one.signature},
    )
