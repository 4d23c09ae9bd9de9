"""The page: the selections of the agent and the environment, the list of conversations, and the open one."""

from __future__ import annotations

import reflex as rx

from backend.identity.environments import PRODUCTION
from studio.components.elements import button, choice, empty, link_button
from studio.components.jobs import SearchField, UrlQuery
from studio.components.live import Ago, Chat
from studio.components.snippets import from_code
from studio.pages.chat.state import Chats, SessionItem
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import as_var


def page() -> rx.Component:
    """Render the conversations with the selected agent, or the empty state."""
    return shell(
        "chat",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Chat")],
        rx.el.h1("Chat", class_name="hidden-label"),
        UrlQuery.of(Chats),
        rx.cond(
            Chats.is_loaded,
            rx.cond(Chats.agent != "", _chat(), _none_yet()),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        actions=[_environment(), _agent()],
    )


def _chat() -> rx.Component:
    return rx.el.div(
        _list(),
        Chat.create(
            project=Shell.project_slug,
            csrf=Shell.csrf,
            skill=Chats.agent,
            environment=Chats.environment,
            can_write=Shell.can_write,
            session=Chats.session,
            started=Chats.started,
            on_open=Chats.open,
            on_changed=Chats.refresh,
            key=Shell.project_slug + Chats.agent + Chats.environment,
        ),
        class_name="chat",
        custom_attrs={"data-open": rx.cond(Chats.session != "", "true", rx.Var("undefined"))},
    )


def _list() -> rx.Component:
    new = button("New conversation", kind="pri", on_click=Chats.open(""), custom_attrs={"data-key": "c"})
    none = rx.cond(Chats.text != "", "No matching conversations.", "No conversations yet.")
    return rx.el.nav(
        rx.el.div(
            rx.cond(Shell.can_write, new),
            SearchField.create(
                value=Chats.text,
                label="Search conversations",
                placeholder="Search conversations…",
                on_search=Chats.search,
            ),
            class_name="col chat-list-head",
        ),
        rx.el.ul(
            rx.foreach(Chats.rows, _row),
            rx.cond(
                Chats.is_listed & (as_var(Chats.rows).length() == 0), rx.el.li(none, class_name="t3 pad")
            ),
            rx.cond(Chats.has_more, rx.el.li(button("Show more", on_click=Chats.more), class_name="pad")),
            class_name="scroll grow",
            tab_index=0,
            aria_label="List of conversations",
        ),
        class_name="chat-list",
        aria_label="Conversations",
    )


def _row(one: rx.Var[SessionItem]) -> rx.Component:
    running = rx.el.span(class_name="spin", aria_label="A turn is running", role="img")
    return rx.el.li(
        rx.el.button(
            rx.el.span(one.title, class_name="cut"),
            rx.el.span(
                rx.cond(one.is_draft, rx.el.span("draft", class_name="tag")),
                rx.cond(one.is_running, running),
                Ago.create(moment=one.updated_at),
                class_name="t3 row",
            ),
            type="button",
            class_name="chat-row",
            on_click=Chats.open(one.id),
            custom_attrs={"aria-current": rx.cond(one.id == Chats.session, "true", rx.Var("undefined"))},
        ),
        key=one.id,
    )


def _environment() -> rx.Component:
    return rx.cond(
        as_var(Chats.environments).length() > 1,
        choice(
            "Environment",
            [rx.foreach(Chats.environments, lambda one: rx.el.option(one[1], value=one[0]))],
            value=Chats.environment,
            on_change=Chats.pick_environment,
            style={"max_width": "140px"},
        ),
        rx.cond(
            Chats.environment != PRODUCTION,
            rx.el.span(Chats.environment, class_name="tag", title="Environment"),
        ),
    )


def _agent() -> rx.Component:
    return rx.cond(
        as_var(Chats.agents).length() > 1,
        choice(
            "Agent",
            [rx.foreach(Chats.agents, lambda one: rx.el.option(one, value=one))],
            value=Chats.agent,
            on_change=Chats.pick_agent,
            style={"max_width": "180px"},
        ),
    )


def _none_yet() -> rx.Component:
    return empty(
        "message-square",
        "No agents yet",
        "An agent is a skill whose entrypoint is a prompt. Publish one in any environment to talk to it here, and "
        "from your application. In the editor, you can chat with a draft.",
        rx.el.div(
            link_button(
                "Write an agent",
                href="/p/" + Shell.project_slug + "/editor",
                icon="file-code-2",
                kind="pri",
            ),
            class_name="row",
        ),
        from_code(Chats.push),
    )
