"""The layout of every page: sidebar, breadcrumb and notices; and the state that all pages share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

import reflex as rx
from reflex.event import EventSpec
from reflex_base.style import LiteralColorMode, resolved_color_mode, set_color_mode
from reflex_components_core.core.banner import has_connection_errors

from backend.core import logs
from backend.core.errors import NotSignedIn
from backend.core.http.exception_handlers import as_puras_error
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.errors import ProjectNotFound
from backend.identity.auth.membership import memberships, role_name
from backend.identity.auth.principal import Role
from backend.identity.preferences import service as preferences
from backend.identity.preferences.schemas import PreferencesRead, PreferencesUpdate, Theme
from backend.identity.preferences.tables import THEMES
from backend.usage.queries import balance
from studio import session
from studio.command_palette import destinations
from studio.components.elements import button, link, note, way_out
from studio.components.live import ApplyPreferences, Commands, SignOut, StaySignedIn, ToSignIn
from studio.formatting import usd
from studio.typing_of_reflex import AsyncUpdates, as_var

log = logs.get(__name__)

_GLOBAL: Final = frozenset({"home", "account", "operator", "components"})
"""The pages that do not belong to a project."""


@dataclass
class Crumb:
    """One item of the breadcrumb; the last item has no link."""

    label: str | rx.Var[str]
    href: str | rx.Var[str] = ""


class Shell(rx.State):
    """The state that all pages of the studio share."""

    user_id: str = ""
    email: str = ""
    csrf: str = ""
    project_slug: str = ""
    project_name: str = ""
    role: str = ""
    can_write: bool = False
    can_manage: bool = False
    is_owner: bool = False
    is_operator: bool = False
    balance: str = ""
    is_wallet_empty: bool = False
    theme: str = ""
    """`light`, `dark` or `system`; empty if the user has chosen none."""
    time_zone: str = ""
    """The time zone of the user; empty: that of the browser."""
    has_preferences: bool = False
    is_ready: bool = False
    is_signed_out: bool = False
    closed: str = ""
    """The reason why this page cannot be shown."""
    notice: str = ""
    """The error of the last action."""
    url_project: str = ""
    """The slug or ID in the URL of the project that was opened last."""

    @rx.event
    async def visit(self) -> None:
        """Load the user on a page that does not belong to a project."""
        self._begin()
        self.url_project = ""
        async with session.visiting(self) as visit:
            self._set_user(visit.person)
            self._set_preferences(await preferences.read(visit.session, visit.person.user_id))
        self.project_slug = self.project_name = ""
        self.is_ready = True

    @rx.event
    async def enter(self) -> AsyncUpdates:
        """Load the user and the project of the URL."""
        self._begin()
        slug: str = self.project
        if slug != self.url_project:  # No action may reach the previous project until the new one is loaded.
            self.url_project, self.is_ready = slug, False
            self.project_slug = self.project_name = ""
            yield
        try:
            async with session.acting(self, slug) as act:
                self._set_user(act.person)
                mine = {one.project.id: one.project for one in await memberships(act.session, act.person)}
                project = mine[act.principal.project_id]
                self.project_slug, self.project_name = project.slug, project.name
                self._set_role(act.principal.role)
                wallet = await balance(act.session, act.principal)
                self._set_preferences(await preferences.read(act.session, act.person.user_id))
        except ProjectNotFound:
            self.closed = f"There is no project {slug!r}, or you are not a member of it."
            return
        self.balance = usd(wallet.available_micros)
        self.is_wallet_empty = wallet.balance_micros <= 0
        self.is_ready = True

    @rx.event
    async def choose_theme(self, theme: str) -> None:
        """Store the theme of the user."""
        if theme in THEMES:
            await self.change_preferences(PreferencesUpdate(theme=cast(Theme, theme)))

    async def change_preferences(self, changes: PreferencesUpdate) -> None:
        """Store preferences of the user, and apply them to this page."""
        async with session.visiting(self) as visit:
            found = await preferences.change(visit.session, visit.person.user_id, changes)
        self._set_preferences(found)

    @rx.event
    def show_error(self, notice: str) -> None:
        """Show an error, unless the page already shows why it has no content."""
        self.notice = "" if self.closed else notice

    @rx.event
    def close(self, reason: str) -> None:
        """Show why the page cannot be opened."""
        self.closed = reason

    @rx.event
    def dismiss(self) -> None:
        """Hide the notice."""
        self.notice = ""

    @rx.event
    def leave(self) -> None:
        """Go to the sign-in form, since the session has ended."""
        self.is_signed_out = True

    def _set_user(self, user: SignedIn) -> None:
        self.user_id, self.email, self.csrf = str(user.user_id), user.email, user.csrf_token
        self.is_operator = user.is_operator

    def _set_preferences(self, found: PreferencesRead) -> None:
        self.theme, self.time_zone, self.has_preferences = found.theme or "", found.time_zone, True

    def _set_role(self, role: Role) -> None:
        self.role = role_name(role)
        self.can_write, self.can_manage = role >= Role.DEVELOPER, role >= Role.ADMIN
        self.is_owner = role >= Role.OWNER

    def _begin(self) -> None:
        self.closed = self.notice = ""
        self.is_signed_out = False


def on_error(exception: Exception) -> EventSpec:
    """Return the event that shows an error of an event handler, with the message that the REST API returns."""
    if isinstance(exception, NotSignedIn):
        return Shell.leave()
    known = as_puras_error(exception)
    if known is not None:
        return Shell.show_error(known.detail)
    log.error("an event of a page failed", exc_info=exception)
    return Shell.show_error("An internal error occurred and was logged. Try again, or contact the operator.")


def shell(here: str, crumbs: list[Crumb], *body: Any, actions: Any = ()) -> rx.Component:
    """Render a page in the layout; `here` is the active item of the sidebar."""
    content = rx.cond(
        Shell.is_signed_out,
        ToSignIn.create(),
        rx.cond(
            Shell.closed != "",
            _closed(),
            rx.cond(_is_current(here), rx.fragment(*body), rx.el.p("Loading…", class_name="skeleton")),
        ),
    )
    return rx.fragment(
        StaySignedIn.create(off=has_connection_errors),
        ApplyPreferences.create(
            theme=Shell.theme,
            time_zone=Shell.time_zone,
            is_known=Shell.has_preferences,
            on_theme=set_color_mode(as_var(Shell.theme).to(LiteralColorMode)),
        ),
        rx.el.a("Skip to content", href="#main", class_name="skip"),
        rx.el.div(
            _sidebar(here),
            rx.el.div(
                _bar(here, crumbs, actions),
                _notices(),
                rx.el.main(
                    content, class_name="body", id="main", tab_index=-1, custom_attrs={"data-focusless": True}
                ),
                class_name="main",
            ),
            class_name="app",
        ),
    )


def _is_current(here: str) -> rx.Var[bool]:
    """Return whether the state is that of the page.

    After a full load the tab first receives the state of the page before, and after a click it keeps that state until
    `enter` or `visit` has run. Without this, a page would send requests for the previous project, or for none.
    """
    if here in _GLOBAL:
        return Shell.is_ready & (Shell.url_project == "")
    return Shell.is_ready & (Shell.url_project != "") & (Shell.url_project == Shell.project)


def _sidebar(here: str) -> rx.Component:
    is_in_project = Shell.project_slug != ""
    base = "/p/" + Shell.project_slug
    in_project = rx.fragment(
        rx.el.div("Build", class_name="cap section"),
        _nav("Skills", "blocks", base, is_here=here == "project"),
        _nav("Prompts", "message-square-quote", base + "/prompts", is_here=here == "prompts"),
        _nav("Editor", "file-code-2", base + "/editor", is_here=here == "editor"),
        _nav("Notebook", "notebook-pen", base + "/notebook", is_here=here == "notebook"),
        _nav("Deployments", "rocket", base + "/deployments", is_here=here == "deployments"),
        _nav("Evals", "list-checks", base + "/evals", is_here=here == "evals"),
        _nav("Annotation", "clipboard-check", base + "/annotation", is_here=here == "annotation"),
        rx.el.div("Run", class_name="cap section"),
        _nav("Chat", "message-square", base + "/chat", is_here=here == "chat"),
        _nav("Jobs", "activity", base + "/jobs", is_here=here == "jobs"),
        _nav("Approvals", "shield-check", base + "/approvals", is_here=here == "approvals"),
        _nav("Monitoring", "chart-spline", base + "/monitoring", is_here=here == "monitoring"),
        rx.el.div("Project", class_name="cap section"),
        _nav("Activity", "history", base + "/activity", is_here=here == "activity"),
        _nav("Drive", "folder-open", base + "/drive", is_here=here == "drive"),
        _nav("Memory", "brain", base + "/memory", is_here=here == "memory"),
        _nav("Marketplace", "store", base + "/marketplace", is_here=here == "marketplace"),
        _nav("API", "braces", base + "/api", is_here=here == "api"),
        _nav("Usage", "chart-column", base + "/usage", is_here=here == "usage"),
        _nav("Settings", "settings", base + "/settings", is_here=here == "settings"),
    )
    return rx.el.nav(
        link(
            rx.el.span(rx.cond(is_in_project, Shell.project_name[:1], "P"), class_name="mark"),
            rx.el.span(
                rx.cond(is_in_project, Shell.project_name, "Puras Studio"), class_name="label grow cut"
            ),
            href="/",
            class_name="switch",
            title="All projects",
        ),
        rx.cond(is_in_project, in_project, _nav("Projects", "layout-grid", "/", is_here=here == "home")),
        rx.el.div(class_name="grow"),
        rx.cond(Shell.is_operator, _nav("Admin", "server-cog", "/operator", is_here=here == "operator")),
        _documentation(),
        _account(is_here=here == "account"),
        SignOut.create(csrf=Shell.csrf, user=Shell.user_id),
        class_name="side",
        aria_label="Main",
    )


def _account(*, is_here: bool) -> rx.Component:
    balance = rx.el.span(Shell.balance, class_name="count num", title="Available balance of the project")
    current = {"aria-current": "page"} if is_here else {}
    return link(
        rx.el.span(Shell.email[:1], class_name="mark person", aria_hidden="true"),
        rx.el.span("Your account: ", class_name="hidden-label"),
        rx.el.span(Shell.email, class_name="label cut grow"),
        rx.cond(Shell.project_slug != "", balance),
        href="/account",
        class_name="nav",
        title="Your account: " + Shell.email,
        custom_attrs=current,
    )


def _nav(label: str, icon: str, href: Any, *, is_here: bool) -> rx.Component:
    current = {"aria-current": "page"} if is_here else {}
    return link(
        rx.icon(icon),
        rx.el.span(label, class_name="label"),
        href=href,
        class_name="nav",
        title=label,
        custom_attrs=current,
    )


def _documentation() -> rx.Component:
    """Return the link to the documentation, a static site: the router of the studio has no page for it."""
    return way_out(
        rx.icon("book-open"),
        rx.el.span("Documentation", class_name="label"),
        href="/docs/",
        class_name="nav",
        title="Documentation",
    )


def _bar(here: str, crumbs: list[Crumb], actions: Any) -> rx.Component:
    steps: list[rx.Component] = []
    for crumb in crumbs:
        if steps:
            steps.append(rx.el.span("/", class_name="sep", aria_hidden="true"))
        if isinstance(crumb.href, str) and not crumb.href:
            steps.append(
                rx.el.span(crumb.label, class_name="crumb cut", custom_attrs={"aria-current": "page"})
            )
        else:
            steps.append(link(crumb.label, href=crumb.href, class_name="crumb"))
    return rx.el.header(
        rx.el.nav(
            rx.cond(
                Shell.closed != "",
                rx.el.span("Not found", class_name="crumb"),
                rx.cond(_is_current(here), rx.fragment(*steps)),
            ),
            class_name="row grow crumbs",
            aria_label="Breadcrumb",
        ),
        rx.el.span(
            rx.el.i(),
            rx.el.span(rx.cond(has_connection_errors, "Reconnecting…", "Live"), class_name="label"),
            class_name="live",
            role="status",
            custom_attrs={"data-off": rx.cond(has_connection_errors, "true", "false")},
        ),
        *actions,
        Commands.create(
            places=destinations(Shell.project_slug, Shell.is_operator), project=Shell.project_slug
        ),
        rx.el.button(
            rx.color_mode_cond(light=rx.icon("moon", size=15), dark=rx.icon("sun", size=15)),
            type="button",
            class_name="btn quiet icon",
            aria_label="Switch between light and dark",
            on_click=[
                rx.toggle_color_mode,
                Shell.choose_theme(rx.cond(resolved_color_mode == "light", "dark", "light")),
            ],
            custom_attrs={"data-key": "t", "data-label": "Switch between light and dark"},
        ),
        class_name="bar",
    )


def _notices() -> rx.Component:
    return rx.fragment(
        rx.cond(
            Shell.notice != "",
            note(
                rx.el.span(Shell.notice, class_name="grow"),
                button("Dismiss", kind="quiet small", on_click=Shell.dismiss),
                state="fail",
                style={"margin": "12px 16px 0", "display": "flex", "gap": "8px", "align_items": "center"},
            ),
        ),
        rx.cond(
            Shell.is_wallet_empty & (Shell.project_slug != ""),
            note(
                "This project's wallet is empty. Jobs that may cost something start when credit is added. ",
                rx.cond(
                    Shell.is_operator,
                    link("Add credit", href="/p/" + Shell.project_slug + "/usage"),
                    "Ask an operator of this instance to add credit.",
                ),
                state="wait",
                style={"margin": "12px 16px 0"},
            ),
        ),
    )


def _closed() -> rx.Component:
    return rx.el.div(
        note(Shell.closed, state="fail"),
        rx.el.div(link("View all projects", href="/"), style={"margin_top": "12px"}),
        class_name="pad",
        style={"max_width": "640px"},
    )
