"""The columns of the playground and their form in the URL."""

from __future__ import annotations

from itertools import count
from urllib.parse import parse_qsl, urlencode

import pytest

from backend.core.errors import Invalid, Problem
from backend.execution.jobs.errors import WalletEmpty
from studio.pages.play.columns import PROMPT_LOST, Column, Prompt, columns_of, prompt_in, query_of
from studio.pages.play.state import Play

JOB = "0198c0de-0000-7000-8000-000000000001"
PROMPT = '["skills/describe/prompt.md","Sing~of the bird & its nest.\\n"]'


def read(*columns: str) -> list[Column]:
    return columns_of(urlencode([("skillpack", "birds"), *(("c", one) for one in columns)]), count())


def test_query_and_columns_are_the_same_in_both_directions() -> None:
    texts = [f"3~claude/claude-x~{JOB}", f"draft~~~{PROMPT}", "~~", "~~~prompt-9000-x1"]
    columns = read(*texts)
    assert [one.key for one in columns] == [0, 1, 2, 3]
    assert [(one.version, one.model, one.job) for one in columns[:2]] == [
        ("3", "claude/claude-x", JOB),
        ("draft", "", ""),
    ]
    assert prompt_in(columns[1].prompt) == Prompt(
        "skills/describe/prompt.md", "Sing~of the bird & its nest.\n"
    )
    query = query_of(columns, {"skillpack": "birds", "environment": "staging"})
    assert parse_qsl(query, keep_blank_values=True) == [
        ("skillpack", "birds"),
        ("environment", "staging"),
        *(("c", one) for one in texts),
    ]


def test_one_column_with_the_active_version_is_not_in_the_query() -> None:
    assert query_of(read(), {}) == ""
    assert query_of(read("~~"), {"skillpack": "birds"}) == "skillpack=birds"


def test_columns_after_the_fourth_are_ignored() -> None:
    assert len(read(*["1~~"] * 9)) == 4


@pytest.mark.parametrize("text", ["latest~~", "-1~~", "1;drop~~", "1234567890~~"])
def test_invalid_version_is_the_active_one(text: str) -> None:
    assert read(text)[0].version == ""


@pytest.mark.parametrize("job", ["1", "../admin", "x" * 36])
def test_invalid_job_is_no_job(job: str) -> None:
    assert read(f"~~{job}")[0].job == ""


@pytest.mark.parametrize("prompt", ["{}", '["only a path"]', "[1,2]", "not json", "null"])
def test_prompt_that_cannot_be_read_is_reported(prompt: str) -> None:
    (column,) = read(f"~~~{prompt}")
    assert (column.prompt, column.refusal) == ("", [PROMPT_LOST])


def test_another_version_resets_prompt_and_job() -> None:
    (column,) = read(f"~~{JOB}~{PROMPT}")
    changed = column.with_version("2")
    assert (changed.version, changed.job, changed.prompt) == ("2", "", "")


def test_another_model_keeps_the_prompt() -> None:
    (column,) = read(f"~~{JOB}~{PROMPT}")
    changed = column.with_model("claude/claude-x")
    assert (changed.job, changed.prompt) == ("", PROMPT)


def test_refusal_lists_problems_outside_of_the_form() -> None:
    problems = [Problem("inputs.times", "must be at most 9"), Problem("model", "is unknown")]
    column = Column(0).refused(Invalid("The job is invalid.", problems))
    assert column.refusal == ["The job is invalid.", "model: is unknown"]
    assert column.with_job(JOB).refusal == []


def test_refusal_by_an_empty_wallet_contains_the_balance() -> None:
    column = Column(0).refused(WalletEmpty(balance_micros=1_500_000, reserved_micros=500_000))
    assert column.balance == "Balance: $1.50 ($0.5000 reserved)."


def test_state_keeps_only_the_edited_prompts_of_its_columns() -> None:
    state = Play(_reflex_internal_init=True)
    state.columns = read("~~", "~~")
    Play.edit_prompt.fn(state, 1, "prompt-9-other", ["prompt.md", "The other."])
    for at in range(20):
        Play.edit_prompt.fn(state, 0, f"prompt-9-{at}", ["prompt.md", f"Text {at}."])
    assert len(state._prompts) <= len(state.columns) + 1
    kept = [state._prompts[column.prompt].text for column in state.columns]
    assert kept == ["Text 19.", "The other."]
