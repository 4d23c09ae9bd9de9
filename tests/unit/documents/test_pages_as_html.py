"""The documentation as HTML, and what its search finds."""

from __future__ import annotations

import re

import pytest

from backend.docs_site import html, pages


def test_html_that_stands_in_a_page_is_shown_and_not_done() -> None:
    rendered = html.of("# A\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n\n`<b>`\n").html
    assert "<script" not in rendered
    assert 'href="javascript' not in rendered
    assert "<b>" not in rendered


@pytest.mark.parametrize(
    ("written", "leads"),
    [
        ("drive.md", "/docs/drive"),
        ("drive.md#names", "/docs/drive#names"),
        ("#here", "#here"),
        ("https://example.org/a.md", "https://example.org/a.md"),
        ("../SECURITY.md", "/docs"),
    ],
)
def test_links_between_pages_lead_to_pages_of_the_studio(written: str, leads: str) -> None:
    assert f'<a href="{leads}">' in html.of(f"[x]({written})").html


def test_every_link_within_the_documentation_leads_to_a_heading_that_is_there() -> None:
    names = {page.name for page in pages.all_()}
    ids = {page.name: html.render(page.name).html for page in pages.all_()}
    for page in pages.all_():
        for piece in html.render(page.name).html.split('href="/docs/')[1:]:
            name, _, place = piece.partition('"')[0].partition("#")
            assert name in names, f"{page.name} leads to {name}"
            assert not place or f'id="{place}"' in ids[name], f"{page.name} leads to {name}#{place}"


def test_a_picture_is_shown_in_the_theme_of_the_page_and_from_nowhere_else() -> None:
    shown = html.of("![A job](images/job-light.png)").html
    for theme in ("light", "dark"):
        assert f'src="/docs/images/job-{theme}.png" alt="A job" class="of-{theme}"' in shown
    for elsewhere in ("https://example.org/a.png", "../a.png", "images/../a-light.png", "images/a.svg"):
        assert "<img" not in html.of(f"![x]({elsewhere})").html


def test_every_picture_that_a_page_shows_is_there_in_both_themes() -> None:
    for page in pages.all_():
        for name in re.findall(r'src="/docs/images/([^"]+)"', html.render(page.name).html):
            assert (pages.FOLDER / "images" / name).is_file(), f"{page.name} shows {name}"
        assert page.text.count("](images/") * 2 == html.render(page.name).html.count("<img"), page.name


def test_headings_of_a_page_are_its_places() -> None:
    found = html.of("# A\n\n## One `two`\n\ntext\n\n### Three\n").headings
    assert found == (html.Heading("one-two", "One two"),)


def test_a_search_finds_pages_that_hold_all_the_words_titles_first() -> None:
    assert pages.search("quickstart")[0].document.name == "quickstart"
    assert pages.search("zzzyx") == []
    found = pages.search("checksum mismatch")
    assert found
    assert all("mismatch" in one.document.text.casefold() for one in found)
    assert all(one.excerpt for one in found)


def test_every_page_has_its_place_in_the_contents() -> None:
    assert len(pages.all_()) == len(list(pages.FOLDER.glob("*.md")))
    assert pages.all_()[0].name == "quickstart"
