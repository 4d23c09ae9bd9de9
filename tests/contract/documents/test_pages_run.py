"""A simulated user runs every block of every page, one after the other, on a real instance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.documents import blocks, skillpacks
from tests.contract.documents.exceptions import NOT_RUN, covering
from tests.contract.documents.guides import GUIDES as GUIDES_OF_USERS
from tests.contract.documents.guides_of_callers import GUIDES_OF_CALLERS
from tests.contract.documents.guides_of_operators import GUIDES_OF_OPERATORS
from tests.contract.documents.reader import Instance, reader_of
from tests.doubles.messages import MessagesServer
from tests.integration.operations.instances import new_up

FOLLOWING_PAGES = dict.fromkeys(
    (
        "tutorials/quickstart",
        "guides/files-as-inputs",
        "guides/credit",
        "guides/migrate-from-puras",
        "tutorials/first-agent",
        "tutorials/notebook-to-production",
        "tutorials/team-day",
    ),
    "README",
)
"""Pages that a reader continues with after another page."""
GUIDES = {**GUIDES_OF_USERS, **GUIDES_OF_CALLERS, **GUIDES_OF_OPERATORS}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """Return one instance for all pages; its language model is a server that speaks the Messages API."""
    with MessagesServer(skillpacks.reply_to).running() as model, new_up() as up:
        up.settings |= {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "sk-of-the-double"}
        up.start()
        up.wait_ready()
        yield Instance(up, tmp_path_factory.mktemp("pages"))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", list(GUIDES))
def test_every_block_of_a_page_works(instance: Instance, page: str, tmp_path: Path) -> None:
    assert not instance.up.has_ended(), instance.up.log
    reader = reader_of(instance, page, tmp_path)
    GUIDES[page](reader)
    assert reader.unrun_blocks() == [], "a block of the page is neither run nor an exception"
    unused = [shown for shown in reader.replacements if not any(shown in block.code for block in reader.done)]
    assert set(unused) <= reader.common, "the page does not contain it any more"


def test_every_block_is_run_or_has_one_exception() -> None:
    for page in blocks.pages():
        for block in blocks.of_page(page):
            if block.is_run:
                is_read = page in GUIDES or page in FOLLOWING_PAGES
                assert is_read or covering(block), (
                    f"{block.position}: no guide runs it, and no exception gives a reason"
                )
                assert len(covering(block)) <= 1, block.position


def test_every_exception_matches_one_block() -> None:
    for one in NOT_RUN:
        found = [block for block in blocks.of_page(one.page) if one.covers(block)]
        assert len(found) == 1, f"{one}: it matches {len(found)} blocks"
        assert found[0].is_run, found[0].position
    read = {*GUIDES, *FOLLOWING_PAGES}
    # Blocks of a page that shows only files are not run, but its files are used.
    assert read <= {page for page in blocks.pages() if blocks.of_page(page)}
