"""The API keys of the project. A new key is shown once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from backend.core.clock import now
from backend.core.db.paging import MAX_PAGE_SIZE, Page
from backend.core.errors import Conflict, Invalid
from backend.identity.api_keys import keys
from backend.identity.api_keys.schemas import ApiKeyCreate, ApiKeyUpdate
from backend.identity.auth import key_authentication
from backend.identity.auth.errors import KeyWouldBeUnrestricted
from backend.identity.auth.principal import Role
from backend.identity.environments import PRODUCTION
from backend.identity.tables import ApiKey
from studio import session, share_page
from studio.components.elements import button, framed_table, section, tag
from studio.components.live import Ago, Confirm, Copy
from studio.formatting import usd
from studio.forms import end_of_day, micros, number, parsed, said, text
from studio.pages.read_on_load import ReadOnLoad
from studio.pages.settings.for_roles import for_admins
from studio.pages.settings.from_code import none_yet
from studio.pages.settings.key_form import SCOPE, UNRESTRICTED, KeyForm, form, scopes_form
from studio.pages.settings.shown_once import shown_once
from studio.typing_of_reflex import Handled, as_var


@dataclass
class KeyRow:
    """The data of an API key in the table."""

    id: str
    name: str
    prefix: str
    kind: str
    environment: str
    restrictions: str
    """The restrictions as text; empty if there are none."""
    ended: str
    """`revoked` or `expired`; empty while the key is valid."""
    last_used_at: str
    expires_at: str
    scopes: list[str]
    """The scopes that are selected in the form."""


NO_KEY = KeyRow("", "", "", "", PRODUCTION, "", "", "", "", [])


class Keys(ReadOnLoad, rx.State):
    """The API keys of a project."""

    rows: list[KeyRow] = []
    fresh: str = ""
    """The plaintext of the key that was created last, until the user dismisses it."""
    share_link: str = ""
    """The link of a page that runs the only skill of this key; empty for other keys."""
    problem: str = ""
    is_making: bool = False
    changed: KeyRow = NO_KEY
    """The key whose scopes are being edited; its ID is empty if there is none."""

    @rx.event
    def open_form(self) -> Handled:
        """Show the form for a new key."""
        self.is_making, self.fresh, self.problem, self.changed = True, "", "", NO_KEY
        return KeyForm.begin

    @rx.event
    def close_form(self) -> None:
        """Close the forms."""
        self.is_making, self.problem, self.changed = False, "", NO_KEY

    @rx.event
    def edit_scopes(self, key_id: str) -> Handled:
        """Show the form for the scopes of a key."""
        self.is_making, self.problem = False, ""
        self.changed = next(row for row in self.rows if row.id == key_id)
        return KeyForm.offer(self.changed.kind, self.changed.environment)

    @rx.event
    async def save_scopes(self, typed: dict[str, Any]) -> None:
        """Replace the scopes of the key."""
        self.problem = ""
        try:
            scopes = _scopes(typed)
            body = {"scopes": scopes, "unrestricted": UNRESTRICTED in typed and not scopes}
            changes = parsed(ApiKeyUpdate, body).as_changes()
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.ADMIN, "keys:write")
                await keys.change(act.session, act.principal, UUID(self.changed.id), changes)
        except KeyWouldBeUnrestricted as refused:
            self.problem = f"{refused.detail} Select scopes, or select “Full access”."
            return
        except (Conflict, Invalid) as refused:
            self.problem = said(refused)
            return
        self.changed = NO_KEY
        await self._read()

    @rx.event
    async def create(self, typed: dict[str, Any]) -> None:
        """Create a key, and show it."""
        self.problem = ""
        try:
            body = _body(typed)
            async with session.acting(self, self.project, once=typed) as act:
                act.principal.require(Role.ADMIN, "keys:write")
                created = await keys.create(
                    act.session,
                    act.principal,
                    project_id=act.principal.project_id,
                    kind=body.kind,
                    name=body.name,
                    environment=body.environment,
                    limits=_limits(body),
                    replaces=body.replaces,
                    quotas=session.context().settings.quotas,
                    max_requests_per_minute=session.context().settings.key_requests_per_minute,
                )
        except (Conflict, Invalid) as refused:
            self.problem = said(refused)
            return
        self.fresh, self.is_making = created.plaintext, False
        self.share_link = _share_link(body, created.plaintext)
        await self._read()

    @rx.event
    def dismiss_key(self) -> None:
        """Hide the new key."""
        self.fresh = ""

    @rx.event
    async def revoke(self, key_id: str) -> None:
        """Revoke a key."""
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.ADMIN, "keys:write")
            await keys.revoke(act.session, act.principal, UUID(key_id))
        await self._read()

    def _following(self) -> Any:
        return KeyForm.begin

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            if act.principal.role < Role.ADMIN:
                return
            found = await keys.list_keys(act.session, act.principal, Page(limit=MAX_PAGE_SIZE))
        self.rows = [_row(key) for key in found.items]


def _body(typed: dict[str, Any]) -> ApiKeyCreate:
    """Return the submitted form as a request body."""
    values = {
        "kind": text(typed, "kind"),
        "name": text(typed, "name"),
        "environment": text(typed, "environment"),
        "scopes": _scopes(typed),
        "skill_allowlist": text(typed, "skill_allowlist").replace(",", " ").split(),
        "daily_cap_micros": micros(typed, "daily_cap"),
        "requests_per_minute": number(typed, "requests_per_minute"),
        "expires_at": end_of_day(typed, "expires_on"),
        "replaces": text(typed, "replaces") or None,
    }
    return parsed(ApiKeyCreate, values)


def _share_link(body: ApiKeyCreate, plaintext: str) -> str:
    """Return the link of a page that runs the skill of the key; empty unless it is a publishable key for one skill."""
    if body.kind != "publishable" or len(body.skill_allowlist) != 1 or "*" in body.skill_allowlist[0]:
        return ""
    return share_page.link(session.context().settings.url, body.skill_allowlist[0], plaintext)


def _scopes(typed: dict[str, Any]) -> list[str]:
    return [name.removeprefix(SCOPE) for name in typed if name.startswith(SCOPE)]


def _limits(body: ApiKeyCreate) -> keys.Limits:
    return keys.Limits(
        body.scopes,
        body.skill_allowlist,
        body.daily_cap_micros,
        body.expires_at,
        body.requests_per_minute,
    )


def _row(key: ApiKey) -> KeyRow:
    is_expired = key.expires_at is not None and key.expires_at <= now()
    return KeyRow(
        id=str(key.id),
        name=key.name,
        prefix=f"puras_{'live' if key.kind == 'secret' else 'pub'}_{key.prefix}",
        kind=key.kind,
        environment=key.environment,
        restrictions=_restrictions(key),
        ended="revoked" if key.revoked_at else "expired" if is_expired else "",
        last_used_at=key.last_used_at.isoformat() if key.last_used_at else "",
        expires_at=f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "Never",
        scopes=_shown_scopes(key),
    )


def _shown_scopes(key: ApiKey) -> list[str]:
    """Return the scopes that the form shows as selected.

    For publishable keys, the former scope `jobs:read` appears under its present name `jobs:read_own`.
    """
    if key.kind == "publishable":
        return sorted({"jobs:read_own" if scope == "jobs:read" else scope for scope in key.scopes})
    return list(key.scopes)


def _restrictions(key: ApiKey) -> str:
    """Return the restrictions of a key, such as `jobs:read · skills thumbnail · $2.00 per day`."""
    scopes = _shown_scopes(key) or sorted(key_authentication.own_scopes_of(key) or ())
    parts = [
        ", ".join(scopes),
        f"skills {', '.join(key.skill_allowlist)}" if key.skill_allowlist else "",
    ]
    if key.daily_cap_micros is not None:
        parts.append(f"{usd(key.daily_cap_micros)} per day")
    if key.requests_per_minute is not None:
        parts.append(f"{key.requests_per_minute:,} requests per minute")
    return " · ".join(part for part in parts if part)


def pane() -> rx.Component:
    """Render the keys, and the forms that create and change one."""
    new = button("New API key", icon="plus", kind="pri", on_click=Keys.open_form, disabled=Keys.is_making)
    shown = rx.fragment(
        rx.cond(Keys.fresh != "", _fresh()),
        rx.cond(
            Keys.is_making,
            section("New API key", form(Keys.create, Keys.close_form, Keys.problem, Keys.rows)),
        ),
        rx.cond(
            Keys.changed.id != "",
            section(
                "Edit scopes of " + rx.cond(Keys.changed.name != "", Keys.changed.name, Keys.changed.prefix),
                scopes_form(Keys.changed, Keys.save_scopes, Keys.close_form, Keys.problem),
            ),
        ),
        section(
            "API keys",
            rx.cond(
                as_var(Keys.rows).length() > 0,
                _list(),
                none_yet(
                    "No API keys yet. A program that calls the API of this project sends an API key as a bearer "
                    "token. You can restrict a key to scopes, to skills, and to a daily spend limit.",
                ),
            ),
            actions=[new],
        ),
    )
    return for_admins(Keys.is_loaded, shown, "view and create API keys")


def _fresh() -> rx.Component:
    return shown_once(
        "API key created. Copy it now: it is shown only once.",
        Keys.fresh,
        name="key",
        lost="If you lose the key, revoke it and create a new one.",
        on_done=Keys.dismiss_key,
        more=rx.cond(Keys.share_link != "", _link()),
    )


def _link() -> rx.Component:
    return rx.el.p(
        "Page that runs the skill for everyone who has the link: ",
        rx.el.a("Open page", href=Keys.share_link, target="_blank", rel="noreferrer"),
        Copy.create(text=Keys.share_link, label="Copy link"),
        class_name="row wrap",
        style={"margin_top": "6px"},
    )


def _list() -> rx.Component:
    columns = [
        ("Name", "17%", ""),
        ("Key", "19%", ""),
        ("Restrictions", "22%", ""),
        ("Last used", "10%", "num"),
        ("Expires", "10%", "num"),
        (rx.el.span("Actions", class_name="hidden-label"), "22%", "num"),
    ]
    return framed_table("API keys", columns, rx.foreach(Keys.rows, _key))


def _key(row: rx.Var[KeyRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(rx.cond(row.name != "", row.name, rx.el.span("Unnamed", class_name="t3")), title=row.name),
        rx.el.td(
            rx.el.span(
                rx.el.span(row.prefix + ".…", class_name="mono cut", title=row.prefix),
                rx.cond(row.environment != PRODUCTION, tag(row.environment)),
                rx.cond(row.ended != "", tag(row.ended)),
                class_name="row",
            )
        ),
        rx.el.td(
            rx.cond(row.restrictions != "", row.restrictions, rx.el.span("None", class_name="t3")),
            class_name="t2",
            title=row.restrictions,
        ),
        rx.el.td(
            rx.cond(row.last_used_at != "", Ago.create(moment=row.last_used_at), "Never"), class_name="num t2"
        ),
        rx.el.td(row.expires_at, class_name="num t2"),
        rx.el.td(
            rx.cond(
                row.ended == "",
                rx.el.span(
                    button("Edit scopes", kind="small", on_click=Keys.edit_scopes(row.id)),
                    _revoke(row),
                    class_name="row",
                ),
            ),
            class_name="num",
        ),
        key=row.id,
        custom_attrs={"data-ended": row.ended},
    )


def _revoke(row: rx.Var[KeyRow]) -> rx.Component:
    return Confirm.create(
        label="Revoke",
        kind="small danger",
        title="Revoke " + rx.cond(row.name != "", row.name, row.prefix) + "?",
        text="Requests with this key are rejected from now on, and its jobs that have not started fail. Its running "
        "jobs continue. A revoked key cannot be restored.",
        confirm="Revoke key",
        on_confirm=Keys.revoke(row.id),
    )
