"""Write events as messages for people: for chats and for e-mail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from backend.identity.environments import PRODUCTION

_MAX_VALUE: Final = 300
"""Characters of a value in a message."""
_JOB_TITLES: Final = {
    "job.succeeded": "Job succeeded",
    "job.failed": "Job failed",
    "job.cancelled": "Job canceled",
    "job.waiting": "Job waits for an approval",
}
_METRICS: Final = {
    "error_rate": ("Error rate", "{:.1f} %"),
    "latency_p95": ("95th percentile of the latency", "{:,.1f} s"),
    "spend": ("Spend", "${:,.2f}"),
    "new_errors": ("New failure clusters", "{:,.0f}"),
    "queue_age": ("Waiting time in the queue", "{:,.0f} s"),
}
"""The name of each metric of alerts, and the format of its values."""


class Message(NamedTuple):
    """An event as text."""

    title: str
    lines: tuple[str, ...]
    url: str
    """The page of the studio that shows more."""


def message_of(body: str, *, origin: str, project_name: str, project_slug: str) -> Message:
    """Return the message for the body of a delivery.

    Args:
        body: The event as JSON.
        origin: URL of the studio, without a slash at the end.
        project_name: The name of the project.
        project_slug: The slug of the project, for links.
    """
    event = json.loads(body)
    type_, data = str(event["type"]), event["data"]
    if type_ in _JOB_TITLES:
        title, lines, path = _of_job(type_, data)
    elif type_ in ("alert.raised", "alert.resolved"):
        title, lines, path = _of_alert(type_, data)
    else:
        title, lines, path = _of_other(type_, data)
    base = f"{origin}/p/{project_slug}"
    title = f"[{_line(project_name)}] {_line(title)}"
    return Message(title, tuple(map(_line, lines)), f"{base}{path}")


def _of_job(type_: str, data: Mapping[str, Any]) -> tuple[str, list[str], str]:
    environment = data.get("environment") or PRODUCTION
    lines = [] if environment == PRODUCTION else [f"Environment: {environment}"]
    if data.get("error_code"):
        lines.insert(0, f"Error: {data['error_code']}")
    return f"{_JOB_TITLES[type_]}: {data['skill']}", lines, f"/jobs/{data['job_id']}"


def _of_alert(type_: str, data: Mapping[str, Any]) -> tuple[str, list[str], str]:
    metric, form = _METRICS[data["metric"]]
    value = "too few jobs" if data["value"] is None else form.format(data["value"])
    lines = [f"{metric}: {value} (threshold {form.format(data['threshold'])})"]
    if data["metric"] != "queue_age":
        lines.append(f"Jobs of the last {data['window_minutes']:,} minutes: {data['jobs']:,}")
    lines += [f"{name.capitalize()}: {data[name]}" for name in ("skill", "environment") if data[name]]
    return (
        f"Alert {'raised' if type_ == 'alert.raised' else 'resolved'}: {data['name']}",
        lines,
        "/jobs?failures=1" if data["metric"] == "new_errors" else "/settings/alerts",
    )


def _of_other(type_: str, data: Mapping[str, Any]) -> tuple[str, list[str], str]:
    if type_ == "deployment.activated":
        title = f"Version {data['version']} of {data['skillpack']} is active in {data.get('environment') or PRODUCTION}"
        return title, [], "/deployments"
    if type_ == "budget.alert":
        used, limit = data["used_micros"] / 1e6, data["limit_micros"] / 1e6
        return f"Budget {data['name']}: ${used:,.2f} of ${limit:,.2f} used", [], "/usage"
    if type_ == "schedule.failed":
        lines = [f"Due: {data['due_at']}", f"Reason: {data['reason']}"]
        return f"Schedule failed: {data['name']}", lines, "/settings/schedules"
    if type_ == "comment.mentioned":
        mentioned = ", ".join(data["mentions"])
        title = f"{data['by'].removeprefix('user:')} mentions {mentioned} in a comment"
        return (
            title,
            [f"Skill: {data['skill']}"],
            f"/jobs/{data['job_id']}?tab=comments#comment-{data['comment_id']}",
        )
    return "Test of this notification", ["Notifications arrive here."], "/settings/webhooks"


def _line(value: str) -> str:
    """Return the text on one line: names and reasons are not trusted, and may contain line breaks."""
    return " ".join(value.split())[:_MAX_VALUE]


def slack_body(message: Message) -> bytes:
    """Return the body of a request to an incoming webhook of Slack or of a compatible chat.

    `&`, `<` and `>` are escaped, so that a name cannot mention people or add a link
    (https://docs.slack.dev/messaging/formatting-message-text).
    """
    escaped = [
        line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for line in (message.title, *message.lines)
    ]
    return json.dumps({"text": "\n".join([f"*{escaped[0]}*", *escaped[1:], message.url])}).encode()
