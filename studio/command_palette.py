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


def destinations(project: rx.Var[str], is_operator: rx.Var[bool]) -> rx.Var[list[dict[str, str]]]:
    """Return the destinations of the command palette: those of the project, if one is open, and the global ones."""
    base = "/p/" + project
    global_ = [
        {"label": "Projects", "group": "Go to", "keys": "g p", "href": "/"},
        {"label": "Your account", "group": "Go to", "keys": "g a", "href": "/account"},
        {"label": "Documentation", "group": "Go to", "keys": "g i", "href": "/docs/", "is_other_site": True},
    ]
    in_project = [
        {"label": label, "group": "Go to", "keys": keys, "href": base + path}
        for label, keys, path in (
            ("Skills", "g k", ""),
            ("Editor", "g e", "/editor"),
            ("Notebook", "g n", "/notebook"),
            ("Deployments", "g d", "/deployments"),
            ("Evals", "g v", "/evals"),
            ("Chat", "g c", "/chat"),
            ("Jobs", "g j", "/jobs"),
            ("Monitoring", "g t", "/monitoring"),
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
    for_operators = [{"label": "Admin", "group": "Go to", "keys": "g o", "href": "/operator"}]
    none: list[dict[str, str]] = []
    found = rx.cond(
        project != "", rx.Var.create([*in_project, *global_, *settings]), rx.Var.create(global_)
    ).to(list[dict[str, str]])
    return found + rx.cond(is_operator, rx.Var.create(for_operators), rx.Var.create(none)).to(
        list[dict[str, str]]
    )
