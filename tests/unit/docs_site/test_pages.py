"""Names, order and search of the pages of the documentation, and their sources for the static site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backend.docs_site import build, llms_txt, pages
from backend.docs_site.contents import FORMER_NAMES, SECTIONS


def test_table_of_contents_lists_every_page_once() -> None:
    listed = [name for section in SECTIONS for name in section.pages]
    assert len(listed) == len(set(listed))
    assert set(listed) == {page.name for page in pages.all_()}
    assert [page.name for page in pages.all_()] == listed


@pytest.mark.parametrize("page", pages.all_(), ids=lambda page: page.name)
def test_page_says_that_users_reject_calls(page: pages.Document) -> None:
    """`deny` and `denied` are names of the API and of Puras, so they are only used as code."""
    code = re.compile(
        r"^ *```.*?^ *```|`[^`\n]+`|^### [A-Z]+ /v1/.*?$|\"permission denied\"", re.DOTALL | re.MULTILINE
    )
    assert re.findall(r"[^\n]*\bden(?:y|ies|ied|ying)\b[^\n]*", code.sub("", page.text), re.IGNORECASE) == []


@pytest.mark.parametrize("former", FORMER_NAMES)
def test_former_name_returns_the_current_page(former: str) -> None:
    assert pages.get(former).name == FORMER_NAMES[former]


def test_unknown_name_is_an_error() -> None:
    with pytest.raises(pages.DocumentNotFound):
        pages.get("../SECURITY")


def test_search_returns_pages_with_all_words_and_titles_first() -> None:
    assert pages.search("quickstart")[0].document.name == "tutorials/quickstart"
    assert pages.search("zzzyx") == []
    found = pages.search("checksum mismatch")
    assert found and all("mismatch" in one.document.text.casefold() for one in found)
    assert all(one.excerpt for one in found)


def test_screenshot_has_the_color_scheme_of_the_reader(tmp_path: Path) -> None:
    page = _written(tmp_path, "![A job](../images/job-light.png)\n")
    assert page == (
        "![A job](../images/job-light.png#only-light){ loading=lazy }\n"
        "![A job](../images/job-dark.png#only-dark){ loading=lazy }\n"
    )


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[x](../concepts/drive.md#names)", "[x](../concepts/drive.md#names)"),
        ("[x](https://example.org/a.md)", "[x](https://example.org/a.md)"),
        ("[x](#here)", "[x](#here)"),
        ("[policy](../../SECURITY.md)", "[policy](../project/security-guards.md)"),
        ("[the script](../../backend/api.py)", "the script (`backend/api.py`)"),
    ],
)
def test_links_lead_to_pages_and_repository_files_are_named(tmp_path: Path, written: str, shown: str) -> None:
    assert _written(tmp_path, written) == shown


def test_every_screenshot_of_a_page_exists_in_both_color_schemes() -> None:
    for page in pages.all_():
        for match in build.SCREENSHOT.finditer(page.text):
            light = pages.FOLDER / page.name / ".." / f"{match[2]}-light.png"
            assert light.resolve().is_file(), f"{page.name} shows {light}"
            assert Path(str(light.resolve()).replace("-light", "-dark")).is_file(), (
                f"{page.name} shows {light}"
            )


def test_index_for_models_links_every_page_once_in_order() -> None:
    index = build.index_for_models()
    assert index.startswith("# Puras Studio\n\n> ")
    links = re.findall(r"^- \[[^]]+\]\((/docs/[^)]*)\)", index, re.MULTILINE)
    assert len(links) == len(set(links))
    names = [f"/docs/{page.name}/".replace("/index/", "/") for page in pages.all_()]
    assert links[: len(names)] == names
    assert "/docs/project/changelog/" in links
    headings = re.findall(r"^## (.+)$", index, re.MULTILINE)
    assert headings == [*(section.title for section in SECTIONS), "Project", "Optional"]


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("# A page\n\nOne `line`. Another one.\n", "One `line`."),
        ("# A page\n\n![x](a.png)\n\nOne [link](b.md), and\nmore. Two.\n", "One link, and more."),
        ("# A page\n\n```sh\nrun\n\nnow\n```\n\n| a |\n|---|\n\nText that ends in:\n", "Text that ends in."),
        ("# A page\n\n**Strong** words\n", "Strong words."),
        ("# A page\n\n- a list\n", ""),
    ],
)
def test_summary_of_a_page_is_the_start_of_its_first_paragraph(text: str, summary: str) -> None:
    assert llms_txt.summarize(text) == summary


def _written(folder: Path, text: str) -> str:
    page = folder / "page.md"
    build.write_page(page, text, pages.FOLDER / "guides" / "page.md")
    return page.read_text(encoding="utf-8")
