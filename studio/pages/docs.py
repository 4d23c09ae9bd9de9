"""`/docs` and `/docs/{document}`: the documentation of this instance, with a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import reflex as rx

from backend.docs_site import html, pages
from studio.components.elements import link
from studio.shell import Crumb, Shell, shell

_LONGEST_QUERY: Final = 200


@dataclass
class Line:
    """A page in the list at the side, or among what was found."""

    name: str
    title: str
    section: str
    """Of the first page of a section; empty for those after it."""
    excerpt: str
    is_here: bool


@dataclass
class Place:
    """A heading of the page."""

    href: str
    text: str


class Docs(rx.State):
    """The page that is read, and what was looked for."""

    contents: list[Line] = []
    found: list[Line] = []
    places: list[Place] = []
    title: str = "Overview"
    html: str = ""
    query: str = ""

    @rx.event
    def load(self):
        """Read the page of the address, or look for the words in it."""
        name: str = self.document
        self.query = self.router.url.query_parameters.get("q", "")[:_LONGEST_QUERY].strip()
        self.found = [_line(one.document, "", one.excerpt) for one in pages.search(self.query)]
        self.contents = _contents(name)
        self.html, self.places, self.title = "", [], "Search" if self.query else "Overview"
        if not name:
            return
        try:
            rendered, self.title = html.render(name), pages.get(name).title
        except pages.DocumentNotFound:
            yield Shell.close(f"There is no page {name!r} in the documentation.")
            return
        self.html = rendered.html
        self.places = [Place(f"#{heading.id}", heading.text) for heading in rendered.headings]

    @rx.event
    def search(self, form: dict[str, str]):
        """Show what is found: the words stand in the address, so that going back finds them again."""
        return rx.redirect(f"/docs?q={quote(form.get('q', '').strip())}")


def page() -> rx.Component:
    """Contents at the side, the page beside it."""
    return shell(
        "docs",
        [Crumb("Documentation", "/docs"), Crumb(Docs.title)],
        rx.el.div(
            rx.el.nav(
                _search(), rx.foreach(Docs.contents, _entry), class_name="docs-list", aria_label="Pages"
            ),
            rx.cond(Docs.html != "", _reading(), rx.cond(Docs.query != "", _results(), _overview())),
            class_name="docs",
        ),
    )


def _search() -> rx.Component:
    return rx.el.form(
        rx.el.input(
            type="search",
            name="q",
            default_value=Docs.query,
            placeholder="Search",
            aria_label="Search the documentation",
            class_name="in",
            max_length=_LONGEST_QUERY,
            key=Docs.query,
        ),
        on_submit=Docs.search,
        role="search",
    )


def _entry(line: Line) -> rx.Component:
    return rx.fragment(
        rx.cond(line.section != "", rx.el.div(line.section, class_name="cap section")),
        link(
            line.title,
            href="/docs/" + line.name,
            class_name="nav",
            custom_attrs={"aria-current": rx.cond(line.is_here, "page", "false")},
        ),
    )


def _reading() -> rx.Component:
    return rx.fragment(
        rx.el.article(rx.html(Docs.html), class_name="prose"),
        rx.cond(
            Docs.places.length() > 2,
            rx.el.nav(
                rx.el.div("On this page", class_name="cap section"),
                rx.foreach(Docs.places, lambda place: rx.el.a(place.text, href=place.href)),
                class_name="docs-places",
                aria_label="On this page",
            ),
        ),
    )


def _results() -> rx.Component:
    nothing = rx.el.p("No page has all of these words. Try fewer, or look through the list.", class_name="t2")
    return rx.el.section(
        rx.el.h1("Search"),
        rx.cond(Docs.found.length() == 0, nothing, rx.foreach(Docs.found, _hit)),
        class_name="prose",
    )


def _hit(line: Line) -> rx.Component:
    return rx.el.div(
        rx.el.h2(link(line.title, href="/docs/" + line.name)), rx.el.p(line.excerpt, class_name="t2")
    )


def _overview() -> rx.Component:
    first = (
        ("quickstart", "Quickstart", "From nothing to a skill that an app calls, in five minutes."),
        ("concepts", "Concepts", "The words that everything here is said in."),
        ("skill-yaml", "skill.yaml", "Every key of a skill."),
        ("mcp", "MCP", "Let Cursor or Claude Code write, push and run skills."),
        ("rest", "REST reference", "Every route, with what it takes and answers."),
    )
    return rx.el.section(
        rx.el.h1("Documentation"),
        *[
            rx.el.div(rx.el.h2(link(title, href=f"/docs/{name}")), rx.el.p(said, class_name="t2"))
            for name, title, said in first
        ],
        class_name="prose",
    )


def _contents(here: str) -> list[Line]:
    lines: list[Line] = []
    section = ""
    for document in pages.all_():
        begins = document.section if document.section != section else ""
        section = document.section
        lines.append(_line(document, begins, "", is_here=document.name == here))
    return lines


def _line(document: pages.Document, section: str, excerpt: str, *, is_here: bool = False) -> Line:
    return Line(document.name, document.title, section, excerpt, is_here)
