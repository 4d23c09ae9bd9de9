"""Every page is done as somebody who pastes it would: each block, one after the other, on a real instance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.documents import blocks, packs
from tests.contract.documents.exceptions import NOT_RUN, covering
from tests.contract.documents.guides import GUIDES as GUIDES_OF_PEOPLE
from tests.contract.documents.guides_of_callers import GUIDES_OF_CALLERS
from tests.contract.documents.guides_of_operators import GUIDES_OF_OPERATORS
from tests.contract.documents.reading import Instance, reader_of
from tests.doubles.messages import MessagesServer
from tests.integration.operations.instances import new_up

PAGES_OF_ANOTHER = dict.fromkeys(
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
"""Pages that one reader does after another page."""
SLOW = ("guides/self-host", "guides/backup", "guides/observability")
"""Their blocks start whole instances."""
GUIDES = {**GUIDES_OF_PEOPLE, **GUIDES_OF_CALLERS, **GUIDES_OF_OPERATORS}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One for all pages; its language model is a server that speaks the Messages API."""
    with MessagesServer(packs.answer).running() as model, new_up() as up:
        up.settings |= {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "sk-of-the-double"}
        up.start()
        up.wait_ready()
        yield Instance(up, tmp_path_factory.mktemp("pages"))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.slow if page in SLOW else ()) for page in GUIDES],
)
def test_every_block_of_a_page_does_what_it_says(instance: Instance, page: str, tmp_path: Path) -> None:
    assert not instance.up.has_ended(), instance.up.log
    reader = reader_of(instance, page, tmp_path)
    GUIDES[page](reader)
    assert reader.left() == [], "a block of the page is neither run nor excepted"
    unused = [shown for shown in reader.mine if not any(shown in block.code for block in reader.done)]
    assert set(unused) <= reader.usual, "the page does not speak of it any more"


def test_every_block_is_run_or_has_one_reason_why_it_is_not() -> None:
    for page in blocks.pages():
        for block in blocks.of_page(page):
            if block.is_run:
                is_read = page in GUIDES or page in PAGES_OF_ANOTHER
                assert is_read or covering(block), f"{block.place}: no guide runs it, no exception says why"
                assert len(covering(block)) <= 1, block.place


def test_no_exception_is_left_that_nothing_needs() -> None:
    for one in NOT_RUN:
        found = [block for block in blocks.of_page(one.page) if one.covers(block)]
        assert len(found) == 1, f"{one}: it is for {len(found)} blocks"
        assert found[0].is_run, found[0].place
    read = {*GUIDES, *PAGES_OF_ANOTHER}
    assert read <= {page for page in blocks.pages() if any(block.is_run for block in blocks.of_page(page))}
