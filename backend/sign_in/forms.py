"""Render HTML forms: one centered column, without scripts, all values escaped."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Final

from starlette.responses import HTMLResponse

_CSS: Final = files(__package__).joinpath("form.css").read_text(encoding="utf-8")
_CSS_HASH: Final = b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_CSS_HASH}'; font-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",  # the set-up link is a secret; with no-referrer, forms would send Origin: null
}


@dataclass(frozen=True, slots=True)
class Input:
    """One labeled field of a form."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    autocomplete: str = "off"
    hint: str = ""
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """A page with one form."""

    title: str
    lead: str
    action: str
    button: str
    inputs: Sequence[Input] = ()
    hidden: Sequence[tuple[str, str]] = ()


def new_password(min_characters: int) -> Input:
    """Return the field for a new password."""
    hint = f"At least {min_characters} characters; three random words are a good password."
    return Input("password", "New password", kind="password", autocomplete="new-password", hint=hint)


def page(form: Form, *, fault: str = "", status: int = 200) -> HTMLResponse:
    """Return the form as a page, with the error of the last submission."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in form.hidden
    )
    first_to_fill = next((form_input.name for form_input in form.inputs if not form_input.value), "")
    fields = "".join(
        _field(form_input, has_focus=form_input.name == first_to_fill) for form_input in form.inputs
    )
    body = (
        f"<h1>{escape(form.title)}</h1><p>{escape(form.lead)}</p>{_fault(fault)}"
        f'<form method="post" action="{escape(form.action)}">{hidden}{fields}'
        f'<button type="submit">{escape(form.button)}</button></form>'
    )
    return _document(form.title, body, status)


def notice(title: str, message: str, *, status: int) -> HTMLResponse:
    """Return a page with a message and without a form."""
    body = f'<h1>{escape(title)}</h1>{_fault(message)}<p><a href="/sign-in">Sign in</a></p>'
    return _document(title, body, status)


def _field(form_input: Input, *, has_focus: bool) -> str:
    extras = " required" * form_input.is_required + " autofocus" * has_focus
    described = f' aria-describedby="{escape(form_input.name)}-hint"' if form_input.hint else ""
    hint = (
        f'<small id="{escape(form_input.name)}-hint">{escape(form_input.hint)}</small>'
        if form_input.hint
        else ""
    )
    return (
        f'<label for="{escape(form_input.name)}">{escape(form_input.label)}</label>'
        f'<input id="{escape(form_input.name)}" name="{escape(form_input.name)}" type="{escape(form_input.kind)}" '
        f'value="{escape(form_input.value)}" autocomplete="{escape(form_input.autocomplete)}"{described}{extras}>{hint}'
    )


def _fault(fault: str) -> str:
    return f'<p class="fault" role="alert">{escape(fault)}</p>' if fault else ""


def _document(title: str, body: str, status: int) -> HTMLResponse:
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Puras Studio</title><style>{_CSS}</style></head>"
        f'<body><main><div class="mark">Puras Studio</div>{body}</main></body></html>'
    )
    return HTMLResponse(html, status, headers=_HEADERS)
