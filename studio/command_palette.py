"""The destinations of the command palette and of the keyboard shortcuts."""

from __future__ import annotations

from typing import Final

import reflex as rx

SETTINGS: Final = {
    "general": "General",
    "members": "Members",
    "keys": "API keys",
    "secrets": "Secrets",
    "providers": "Model providers",
    "webhooks": "Webhooks",
    "alerts": "Alerts",
    "schedules": "Schedules",
    "limits": "Limits and usage",
    "audit": "Audit log",
}
"""The sections of a project's settings, with their labels."""


_SINGLE_SETTINGS: Final = (
    ("Name of the project", "general"),
    ("Slug of the project", "general"),
    ("Export the project", "general"),
    ("Delete the project", "general"),
    ("Invite a user", "members"),
    ("Roles of members", "members"),
    ("Create an API key", "keys"),
    ("Scopes of an API key", "keys"),
    ("Daily spend limit of an API key", "keys"),
    ("Publishable keys and origins", "keys"),
    ("Create a secret", "secrets"),
    ("Provider keys (bring your own key)", "providers"),
    ("Prices of models", "providers"),
    ("Create a webhook", "webhooks"),
    ("E-mail and chat notifications", "webhooks"),
    ("Create an alert", "alerts"),
    ("New error alerts", "alerts"),
    ("Create a schedule", "schedules"),
    ("Concurrency limit", "limits"),
    ("Requests per minute", "limits"),
    ("Quotas of the project", "limits"),
)
"""Settings of a project that are not named like their section."""


def destinations(project: rx.Var[str], is_operator: rx.Var[bool]) -> rx.Var[list[dict[str, str]]]:
    """Return the destinations of the command palette: those of the project, if one is open, and the global ones."""
    base = "/p/" + project
    global_ = [
        {"label": "Projects", "group": "Go to", "keys": "g p", "href": "/"},
        {"label": "Your account", "group": "Go to", "keys": "g a", "href": "/account"},
        *[
            {"label": label, "group": "Your account", "keys": "", "href": f"/account#{anchor}"}
            for label, anchor in (
                ("Theme (light or dark)", "preferences"),
                ("Time zone", "preferences"),
                ("E-mail notifications", "preferences"),
                ("Change password", "password"),
                ("Active sessions", "sessions"),
            )
        ],
        {"label": "Documentation", "group": "Go to", "keys": "g i", "href": "/docs/", "is_other_site": True},
    ]
    in_project = [
        {"label": label, "group": "Go to", "keys": keys, "href": base + path}
        for label, keys, path in (
            ("Skills", "g k", ""),
            ("Prompts", "g q", "/prompts"),
            ("Editor", "g e", "/editor"),
            ("Notebook", "g n", "/notebook"),
            ("Deployments", "g d", "/deployments"),
            ("Evals", "g v", "/evals"),
            ("Annotation", "g q", "/annotation"),
            ("Chat", "g c", "/chat"),
            ("Jobs", "g j", "/jobs"),
            ("Approvals", "g w", "/approvals"),
            ("Monitoring", "g t", "/monitoring"),
            ("Activity", "g y", "/activity"),
            ("Drive", "g f", "/drive"),
            ("Memory", "g m", "/memory"),
            ("Marketplace", "g x", "/marketplace"),
            ("API reference", "g r", "/api"),
            ("Usage", "g u", "/usage"),
            ("Settings", "g s", "/settings"),
        )
    ]
    settings = [
        {"label": label, "group": "Settings", "keys": "", "href": base + "/settings/" + section}
        for section, label in SETTINGS.items()
    ]
    settings += [
        {
            "label": label,
            "group": "Settings",
            "hint": SETTINGS[section],
            "keys": "",
            "href": base + "/settings/" + section,
        }
        for label, section in _SINGLE_SETTINGS
    ]
    for_operators = [{"label": "Admin", "group": "Go to", "keys": "g o", "href": "/operator"}]
    none: list[dict[str, str]] = []
    found = rx.cond(
        project != "", rx.Var.create([*in_project, *global_, *settings]), rx.Var.create(global_)
    ).to(list[dict[str, str]])
    return found + rx.cond(is_operator, rx.Var.create(for_operators), rx.Var.create(none)).to(
        list[dict[str, str]]
    )
