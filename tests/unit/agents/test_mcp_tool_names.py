"""The names of MCP tools depend only on the sections of the skill."""

from __future__ import annotations

import pytest

from backend.skills.manifest.types import Tool as Section
from workers.agent.mcp_servers.naming import MAX_NAME, Names

A = Section(mcp="https://a.example.org/mcp")
B = Section(mcp="https://b.example.org/mcp")
B_REFUND = Section(mcp="https://b.example.org/mcp", allow=("refund",))


def test_first_open_section_has_short_names() -> None:
    names = Names([A, B], ["file_read"])
    assert (names.of(0, "refund"), names.of(1, "refund")) == ("refund", "b_example_org_refund")
    assert names.of(0, "file_read") == "a_example_org_file_read"


def test_section_that_lists_tool_has_short_name_before_open_one() -> None:
    names = Names([A, B_REFUND])
    assert (names.of(0, "refund"), names.of(1, "refund")) == ("a_example_org_refund", "refund")
    assert names.of(0, "search") == "search"


def test_server_cannot_take_tool_name_of_another_server() -> None:
    names = Names([A, B])
    assert names.of(0, "b_example_org_refund") == "a_example_org_b_example_org_refund"
    nested = Names([Section(mcp="https://x.org/mcp"), Section(mcp="https://x.org.uk/mcp"), A], ["uk_refund"])
    assert nested.of(0, "uk_refund") != nested.of(1, "refund")


def test_rules_can_use_the_third_name_of_a_tool() -> None:
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
def test_names_are_distinct_and_valid_for_models(tool: str) -> None:
    sections = [A, B, B, A, B_REFUND, Section(mcp=f"https://{'h' * 60}.org/mcp")]
    found = [Names(sections, ["refund"]).of(at, tool) for at in range(len(sections))]
    assert len(set(found)) == len(sections)
    assert all(0 < len(name) <= MAX_NAME and name.isascii() for name in found)


def test_tools_that_differ_in_invalid_characters_have_distinct_names() -> None:
    found = Names([A]).distinct(0, ["a.b", "a/b", "a_b"])
    assert found["a_b"] == "a_b"
    assert len(set(found.values())) == 3
