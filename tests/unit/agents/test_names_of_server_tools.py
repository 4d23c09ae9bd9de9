"""Names of tools of MCP servers follow from the sections of the skill alone."""

from __future__ import annotations

import pytest

from backend.skills.manifest.types import Tool as Section
from workers.agent.mcp_servers.naming import MAX_NAME, Names

A = Section(mcp="https://a.example.org/mcp")
B = Section(mcp="https://b.example.org/mcp")
B_REFUND = Section(mcp="https://b.example.org/mcp", allow=("refund",))


def test_the_first_open_section_has_the_short_names() -> None:
    names = Names([A, B], ["file_read"])
    assert (names.of(0, "refund"), names.of(1, "refund")) == ("refund", "b_example_org_refund")
    assert names.of(0, "file_read") == "a_example_org_file_read"


def test_a_section_that_lists_the_tool_has_the_short_name_before_an_open_one() -> None:
    names = Names([A, B_REFUND])
    assert (names.of(0, "refund"), names.of(1, "refund")) == ("a_example_org_refund", "refund")
    assert names.of(0, "search") == "search"


def test_a_server_cannot_choose_the_name_of_another_server_s_tool() -> None:
    names = Names([A, B])
    assert names.of(0, "b_example_org_refund") == "a_example_org_b_example_org_refund"
    nested = Names([Section(mcp="https://x.org/mcp"), Section(mcp="https://x.org.uk/mcp"), A], ["uk_refund"])
    assert nested.of(0, "uk_refund") != nested.of(1, "refund")


def test_a_third_name_is_among_those_by_which_rules_may_mean_the_tool() -> None:
    again = Section(mcp="https://b.example.org/other")
    names = Names([A, B, again])
    assert names.of(2, "refund") == "b_example_org_refund_2"
    assert names.all_of(2, "refund") == ("b_example_org_refund_2", "refund", "b_example_org_refund")
    assert [Names([A, B, again]).fallback(at) for at in range(3)] == [
        "mcp_a_example_org",
        "mcp_b_example_org",
        "b_example_org_mcp_b_example_org",
    ]


@pytest.mark.parametrize("tool", ["x" * 64, "x" * 200, "é", "refund", "", "\ud800"])
def test_names_are_distinct_and_what_models_take(tool: str) -> None:
    sections = [A, B, B, A, B_REFUND, Section(mcp=f"https://{'h' * 60}.org/mcp")]
    found = [Names(sections, ["refund"]).of(at, tool) for at in range(len(sections))]
    assert len(set(found)) == len(sections)
    assert all(0 < len(name) <= MAX_NAME and name.isascii() for name in found)


def test_tools_of_one_server_that_differ_in_what_names_cannot_hold_have_names_of_their_own() -> None:
    found = Names([A]).distinct(0, ["a.b", "a/b", "a_b"])
    assert found["a_b"] == "a_b"
    assert len(set(found.values())) == 3
