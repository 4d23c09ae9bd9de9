"""The dialog that resolves, ignores or reopens several errors one by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import reflex as rx

from backend.core.clock import now
from backend.execution.jobs.failures import service
from backend.execution.jobs.failures.schemas import FailureIgnore, FailureResolve
from studio import selection
from studio.bulk_action import ActOnRow, BulkAction, bulk_dialog
from studio.components.elements import button, field
from studio.forms import number, parsed, said, text
from studio.pages.jobs.failures import Failures
from studio.session import Act
from studio.typing_of_reflex import Handled

_STATES: Final = {"resolve": "resolved", "ignore": "ignored", "reopen": "open"}
"""The state after each kind of decision."""
_FIXED_IN: Final = {"active": "The version that is active now", "next": "The next version"}
_HOURS: Final = {"": "Permanently", "1": "1 hour", "24": "1 day", "168": "1 week", "720": "30 days"}


class FailureDecision(BulkAction, rx.State):
    """A decision about several errors: `resolve`, `ignore` or `reopen`."""

    @rx.event
    async def begin(self, kind: str, signature: str) -> None:
        """Ask for the details of a decision about the selected errors, or about one error if none is selected."""
        failures = await self.get_state(Failures)
        wanted = failures.picked or [signature]
        found = [one for one in failures.clusters if one.signature in wanted]
        if kind in _STATES:
            self._ask(kind, {one.signature: one.state != _STATES[kind] for one in found})

    def _act_on_row(self, typed: Mapping[str, Any]) -> ActOnRow:
        kind = self.kind
        return self._in_project(
            lambda act, signature: _decide(act, kind, signature, typed), message=lambda _, error: said(error)
        )

    def _after(self, *, has_acted: bool) -> Handled:
        return [*([Failures.leave] if has_acted else []), Failures.load]


async def _decide(act: Act, kind: str, signature: str, typed: Mapping[str, Any]) -> None:
    note = {"note": text(typed, "note")}
    if kind == "resolve":
        resolved = parsed(FailureResolve, {**note, "fixed_in": typed.get("fixed_in")})
        await service.resolve(act.session, act.principal, signature, resolved)
    elif kind == "ignore":
        hours = number(typed, "hours")
        until = now() + timedelta(hours=hours) if isinstance(hours, int) else None
        ignored = parsed(FailureIgnore, {**note, "until": until, "jobs": number(typed, "jobs")})
        await service.ignore(act.session, act.principal, signature, ignored)
    else:
        await service.reopen(act.session, act.principal, signature)


def selection_bar() -> rx.Component:
    """Render the actions on the selected errors."""
    return selection.selection_bar(
        Failures,
        "Selected errors",
        button("Resolve…", kind="pri", on_click=FailureDecision.begin("resolve", "")),
        button("Ignore…", on_click=FailureDecision.begin("ignore", "")),
        button("Reopen…", on_click=FailureDecision.begin("reopen", "")),
        button("Select all", kind="quiet", on_click=Failures.toggle_all),
        class_name="job-bar row wrap",
    )


def dialog() -> rx.Component:
    """Render the dialog while a decision is to be confirmed or in progress."""
    verb = rx.match(FailureDecision.kind, ("resolve", "Resolve"), ("ignore", "Ignore"), "Reopen")
    return bulk_dialog(
        FailureDecision,
        rx.fragment(
            rx.match(
                FailureDecision.kind,
                ("resolve", _about_resolve()),
                ("ignore", _about_ignore()),
                _about_reopen(),
            ),
            rx.cond(
                FailureDecision.skipped > 0,
                rx.el.p(
                    f"{FailureDecision.skipped} of the selected errors already have this state.",
                    class_name="t3",
                ),
            ),
        ),
        verb=verb,
        nouns=("error", "errors"),
        is_danger=False,
        is_confirm_focused=FailureDecision.kind == "reopen",
    )


def _about_resolve() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            "An error is open again, as regressed, when a job that is submitted later fails with it. Jobs of versions "
            "before the fix do not count.",
            class_name="t2",
        ),
        _choice("First version with the fix", "fixed_in", _FIXED_IN),
        _note(),
    )


def _about_ignore() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            "Ignored errors are not in the list of open ones, and do not raise alerts about new errors.",
            class_name="t2",
        ),
        _choice("Ignore", "hours", _HOURS),
        field(
            "Or until this number of further jobs has failed",
            "jobs",
            rx.el.input,
            input_mode="numeric",
            placeholder="Any number",
        ),
        _note(),
    )


def _about_reopen() -> rx.Component:
    return rx.el.p("The errors appear in the list of open ones again.", class_name="t2")


def _choice(label: str, name: str, options: Mapping[str, str]) -> rx.Component:
    shown = [rx.el.option(word, value=value) for value, word in options.items()]
    return field(label, name, rx.el.select, *shown)


def _note() -> rx.Component:
    return field(
        "Note",
        "note",
        rx.el.input,
        max_length=1000,
        placeholder="Optional",
        custom_attrs={"data-first": "true"},
    )
