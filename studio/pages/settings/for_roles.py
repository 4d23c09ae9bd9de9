"""Sections that are visible only to some roles."""

from __future__ import annotations

import reflex as rx

from studio.components.elements import note
from studio.shell import Shell


def for_developers(is_loaded: rx.Var[bool], shown: rx.Component, action: str) -> rx.Component:
    """Return a section for developers, admins and owners; viewers see who can do the action."""
    return _for("developers, admins and owners", Shell.can_write, is_loaded, shown, action)


def for_admins(is_loaded: rx.Var[bool], shown: rx.Component, action: str) -> rx.Component:
    """Return a section for admins and owners; other members see who can do the action."""
    return _for("admins and owners", Shell.can_manage, is_loaded, shown, action)


def _for(
    roles: str, is_allowed: rx.Var[bool], is_loaded: rx.Var[bool], shown: rx.Component, action: str
) -> rx.Component:
    denied = note(f"Only {roles} of the project can {action}. Your role is ", Shell.role, ".")
    return rx.cond(
        is_loaded,
        rx.cond(is_allowed, shown, denied),
        rx.el.p("Loading…", class_name="skeleton"),
    )
