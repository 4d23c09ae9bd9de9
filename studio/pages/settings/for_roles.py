"""Sections that not every member sees."""

from __future__ import annotations

import reflex as rx

from studio.components.elements import note
from studio.shell import Shell


def for_developers(is_loaded: rx.Var[bool], shown: rx.Component, may: str) -> rx.Component:
    """What developers and those above them see once it is loaded; others are told who may do what `may` says."""
    return _for("Developers, admins and owners", Shell.can_write, is_loaded, shown, may)


def for_admins(is_loaded: rx.Var[bool], shown: rx.Component, may: str) -> rx.Component:
    """The same for admins and owners."""
    return _for("Admins and owners", Shell.can_manage, is_loaded, shown, may)


def _for(
    who: str, is_one: rx.Var[bool], is_loaded: rx.Var[bool], shown: rx.Component, may: str
) -> rx.Component:
    return rx.cond(
        is_loaded,
        rx.cond(is_one, shown, note(f"{who} of the project {may}; your role is ", Shell.role, ".")),
        rx.el.p("Loading…", class_name="skeleton"),
    )
