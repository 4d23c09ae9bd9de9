"""Code snippets that create the first secret, API key, webhook or schedule, for sections that are still empty."""

from __future__ import annotations

import json
from typing import Any

import reflex as rx

from studio import session
from studio.code_snippets import of_route
from studio.components import snippets
from studio.formatting import sample_inputs
from studio.shell import Shell
from studio.skills import SkillView, active_skills
from studio.typing_of_reflex import as_var


class FromCode(rx.State):
    """The code snippets of the section in the URL."""

    texts: dict[str, str] = {}

    @rx.event
    async def load(self) -> None:
        """Create the code snippets of the section, with the name of a skill of the project."""
        section: str = self.section
        skill = SkillView(name="my-skill")
        if section == "schedules":
            async with session.acting(self, self.project) as act:
                skill = next(iter(await active_skills(act)), skill)
        self.texts = _texts(section, session.context().settings.url, skill)


def _texts(section: str, origin: str, skill: SkillView) -> dict[str, str]:
    secret = {"name": "STRIPE_KEY", "value": "…"}
    bodies: dict[str, Any] = {
        "keys": {
            "name": "website",
            "scopes": ["jobs:submit", "jobs:read_own"],
            "daily_cap_micros": 2_000_000,
        },
        "webhooks": {"url": "https://app.example.org/puras", "events": ["job.succeeded", "job.failed"]},
        "alerts": {"name": "Jobs fail", "metric": "error_rate", "threshold": 10, "window_minutes": 60},
        "schedules": {
            "name": "Every morning",
            "skill": skill.full_name,
            "inputs": json.loads(sample_inputs(skill.input_schema, [one.inputs for one in skill.examples])),
            "cron": "30 9 * * mon-fri",
            "time_zone": "Europe/Berlin",
        },
    }
    if section == "secrets":
        command = ("secrets", "set", secret["name"])
        return of_route(
            origin, "PUT", "/v1/secrets", secret, command=command, tool="set_secret", arguments=secret
        )
    if section not in bodies:
        return {}
    path = "/v1/api-keys" if section == "keys" else f"/v1/{section}"
    return of_route(origin, "POST", path, bodies[section])


def none_yet(*text: Any) -> rx.Component:
    """Render the empty state of a section: its purpose, and code snippets that create the first item."""
    return rx.el.div(
        rx.el.p(*text, class_name="t2", style={"max_width": "68ch"}),
        rx.cond(
            Shell.can_write & (as_var(FromCode.texts).length() > 0),
            snippets.from_code(FromCode.texts),
        ),
    )
