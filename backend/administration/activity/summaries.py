"""Which entries of the audit log every member may read, and their summaries.

An entry that is not listed here is not shown: most of them are details that only admins need. No summary contains a
value that the reader could not see elsewhere in the studio with the same role.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from backend.administration.activity.schemas import ActivityCategory
from backend.identity.auth.principal import Role
from backend.identity.environments import PRODUCTION

_MAX_NAME: Final = 100


class Entry(NamedTuple):
    """An entry of the audit log, as far as its summary needs it."""

    target: str
    facts: Mapping[str, Any]
    previous_version: int | None = None
    """For an activation: the version that was active before."""

    def fact(self, name: str) -> str:
        """Return a detail as text, shortened; empty if there is none."""
        value = self.facts.get(name)
        return "" if value is None else str(value)[:_MAX_NAME]

    @property
    def id(self) -> str:
        """Return the ID in a target such as `job:<ID>`, or the target itself."""
        return self.target.rpartition(":")[2]


class Kind(NamedTuple):
    """The summary of the entries of one action."""

    category: ActivityCategory
    summary: Callable[[Entry], str]
    path: Callable[[Entry], str]
    role: Role = Role.VIEWER
    """The lowest role that may read it."""


def _to(path: str) -> Callable[[Entry], str]:
    return lambda _: path


def _text(verb: str, *, of: Callable[[Entry], str] = lambda entry: entry.target) -> Callable[[Entry], str]:
    return lambda entry: f"{verb} {of(entry)[:_MAX_NAME]}".rstrip()


def _named(verb: str) -> Callable[[Entry], str]:
    return _text(verb, of=lambda entry: entry.fact("name"))


def _job(entry: Entry) -> str:
    return f"/jobs/{entry.facts.get('job_id') or entry.id}"


def _failure(verb: str) -> Callable[[Entry], str]:
    return lambda entry: f"{verb} the error {entry.fact('error')} of {entry.fact('skill')}"


def _jobs_with_error(entry: Entry) -> str:
    return f"/jobs?error_signature={entry.id}"


def _comment(entry: Entry) -> str:
    return f"/jobs/{entry.id}?tab=comments#comment-{entry.fact('comment')}"


def _queue(entry: Entry) -> str:
    return f"/annotation/{entry.id}"


def _activated(entry: Entry) -> str:
    environment = entry.fact("environment") or PRODUCTION
    if environment != PRODUCTION:
        return f"promoted {entry.target[:_MAX_NAME]} to {environment}"
    pack, _, version = entry.target.rpartition(" v")
    before = entry.previous_version
    if before is not None and version.isdecimal() and int(version) < before:
        return f"rolled back {pack[:_MAX_NAME]} from v{before} to v{version}"
    forced = " without its gates" if entry.facts.get("is_forced") is True else ""
    return f"activated {entry.target[:_MAX_NAME]}{forced}"


def _alert(verb: str) -> Callable[[Entry], str]:
    return lambda entry: f"{verb} the alert {entry.fact('name')}"


def _added(entry: Entry) -> str:
    jobs = entry.facts.get("jobs")
    return f"added {jobs} {'job' if jobs == 1 else 'jobs'} to the annotation queue {entry.fact('name')}"


def _finished(entry: Entry) -> str:
    jobs = entry.facts.get("jobs")
    return f"finished the annotation queue {entry.fact('name')} ({jobs} {'job' if jobs == 1 else 'jobs'})"


def _role_of(entry: Entry) -> str:
    return f"{entry.target[:_MAX_NAME]} as {entry.fact('role')}"


_DEPLOYMENTS: Final = _to("/deployments")
_MEMBERS: Final = _to("/settings/members")
_KEYS: Final = _to("/settings/keys")
_ALERTS: Final = _to("/settings/alerts")
_SCHEDULES: Final = _to("/settings/schedules")
_EVALS: Final = _to("/evals")
_MARKET: Final = _to("/marketplace?tab=own")

KINDS: Final[dict[str, Kind]] = {
    "deployment.pushed": Kind("publishing", _text("published"), _DEPLOYMENTS),
    "deployment.activated": Kind("publishing", _activated, _DEPLOYMENTS),
    "deployment.refused": Kind(
        "publishing",
        lambda entry: f"did not activate {entry.target[:_MAX_NAME]}: a gate failed",
        _DEPLOYMENTS,
    ),
    "deployment.deleted": Kind("publishing", _text("deleted"), _DEPLOYMENTS),
    "skillpack.created": Kind("publishing", _text("created the skillpack"), _DEPLOYMENTS),
    "job.cancelled": Kind("jobs", lambda _: "canceled a job", _job),
    "job.replay_asked": Kind("jobs", lambda _: "replayed a job", _job),
    "job.rated": Kind("jobs", lambda _: "rated a job", _job),
    "job.shared": Kind("jobs", lambda _: "shared a job by a link", _job, Role.DEVELOPER),
    "failure.resolved": Kind("jobs", _failure("resolved"), _jobs_with_error),
    "failure.ignored": Kind("jobs", _failure("ignored"), _jobs_with_error),
    "failure.reopened": Kind("jobs", _failure("reopened"), _jobs_with_error),
    "approval.approved": Kind("jobs", lambda entry: f"approved a call of {entry.fact('tool')}", _job),
    "approval.denied": Kind("jobs", lambda entry: f"rejected a call of {entry.fact('tool')}", _job),
    "comment.created": Kind("comments", lambda _: "commented on a job", _comment),
    "annotation.reviewed": Kind("reviews", lambda entry: f"reviewed a job of {entry.fact('queue')}", _job),
    "annotation_queue.created": Kind("reviews", _named("created the annotation queue"), _queue),
    "annotation_queue.jobs_added": Kind("reviews", _added, _queue),
    "annotation_queue.finished": Kind("reviews", _finished, _queue),
    "annotation_queue.deleted": Kind("reviews", _named("deleted the annotation queue"), _to("/annotation")),
    "eval.started": Kind(
        "evals", _text("started the evals of", of=lambda entry: entry.fact("skill")), _EVALS
    ),
    "eval.baseline_set": Kind(
        "evals", _text("set the baseline of", of=lambda entry: entry.fact("skill")), _EVALS
    ),
    "eval_case.kept": Kind(
        "evals", _text("saved an eval case of", of=lambda entry: entry.fact("skill")), _EVALS
    ),
    "alert.raised": Kind("alerts", _alert("raised"), _ALERTS),
    "alert.resolved": Kind("alerts", _alert("resolved"), _ALERTS),
    "alert.created": Kind("alerts", _alert("created"), _ALERTS),
    "alert.deleted": Kind("alerts", _alert("deleted"), _ALERTS),
    "member.joined": Kind("members", lambda entry: f"joined as {entry.fact('role')}", _MEMBERS),
    "member.added": Kind("members", _text("added", of=_role_of), _MEMBERS),
    "member.changed": Kind("members", _text("changed the role: now", of=_role_of), _MEMBERS),
    "member.removed": Kind("members", _text("removed"), _MEMBERS),
    "member.invited": Kind("members", _text("invited", of=_role_of), _MEMBERS, Role.ADMIN),
    "api_key.created": Kind("settings", _named("created the API key"), _KEYS, Role.ADMIN),
    "api_key.revoked": Kind("settings", _named("revoked the API key"), _KEYS, Role.ADMIN),
    "secret.set": Kind("settings", _text("set the secret"), _to("/settings/secrets"), Role.DEVELOPER),
    "secret.deleted": Kind("settings", _text("deleted the secret"), _to("/settings/secrets"), Role.DEVELOPER),
    "budget.created": Kind("settings", _named("created the budget"), _to("/usage")),
    "budget.deleted": Kind("settings", _named("deleted the budget"), _to("/usage")),
    "schedule.created": Kind("settings", _named("created the schedule"), _SCHEDULES),
    "schedule.deleted": Kind("settings", _named("deleted the schedule"), _SCHEDULES),
    "project.changed": Kind("settings", lambda _: "changed the project", _to("/settings")),
    "listing.published": Kind("marketplace", _text("published the listing"), _MARKET),
    "listing.version_added": Kind("marketplace", _text("added a version to the listing"), _MARKET),
    "listing.taken_down": Kind("marketplace", _text("took down the listing"), _MARKET),
}
"""The summaries of the actions of the audit log that members may read."""
