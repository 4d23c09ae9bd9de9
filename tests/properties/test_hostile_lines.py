"""Short texts that must be parsed quickly: a backtracking pattern would need hours for them."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from backend.core.db.paging import Page
from backend.core.errors import Invalid, PurasError
from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle
from workers.sandbox.packages.requirements import normal

SKILL = {"a/SKILL.md": b"---\nname: a\ndescription: Says hello.\n---\nSay hello.\n"}
MAX_CPU_S = 2.0
"""On an idle host a twentieth of it suffices; a backtracking pattern takes longer than the timeout of the test."""
LINES = [
    "a" + " " * 100_000 + "b",
    "a [" + " " * 50_000 + "a" + " " * 50_000 + "!",
    "a" + "-" * 100_000 + "!",
    "a[" + "a," * 50_000,
    "a>=" + "1,>=" * 30_000 + "@",
    "a==1" + " --hash=sha256:" * 8_000,
    "a" + " ; " * 30_000 + "@",
]


def cpu_s(function: Callable[[], object]) -> float:
    """Return the CPU seconds that a function uses."""
    began = time.process_time()
    function()
    return time.process_time() - began


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:12])
def test_hostile_requirements_line_is_parsed_quickly(line: str) -> None:
    def push() -> None:
        with suppress(PurasError):
            read_bundle(pack_files({**SKILL, "a/requirements.txt": (line + "@\n").encode()}))

    assert cpu_s(push) < MAX_CPU_S
    assert cpu_s(lambda: normal(line)) < MAX_CPU_S


def test_spaces_in_a_requirement_are_ignored() -> None:
    spaced = "Pillow   [ a ,  b ]    >= 11.0 ,   < 12"
    assert normal(spaced) == normal("Pillow[a,b]>=11.0,<12") == "pillow[a,b]>=11.0,<12"
    text = (spaced + "\n").encode()
    assert read_bundle(pack_files({**SKILL, "a/requirements.txt": text})).manifest.skills[0].requirements


@pytest.mark.parametrize(
    "value", ["[Infinity]", "[-1e999]", "[NaN]", "[9e400]", '["\\u0000"]', "[[]]", "{}", "7"]
)
@pytest.mark.parametrize("kind", [Page.number, Page.time_position], ids=["number", "moment"])
def test_invalid_cursor_is_rejected(value: str, kind: Callable[[Page], object]) -> None:
    cursor = base64.urlsafe_b64encode(value.encode()).decode()
    with pytest.raises(Invalid):
        kind(Page(cursor=cursor))
